// A sample as a card. Everything a model or a data set wrote goes in as text, never as markup.
function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function sampleCard(sample, runs) {
  const task = store.tasks[store.task[sample]];
  const category = task.categories[store.category[sample]];
  const images = element("div", "images");
  const card = element("article", "sample",
    images,
    element("div", "asked",
      element("p", "meta", `${[task.title, category, store.id[sample]].filter(Boolean).join(" · ")} `, linkTo(sample)),
      element("p", "question", store.question[sample]),
      store.reference[sample] ? element("p", "reference", element("span", "caption", "reference "), store.reference[sample]) : null),
    element("div", "given", ...runs.map((run) => answer(sample, run))),
    more(sample, runs));
  card.dataset.sample = sample;
  card.tabIndex = -1;
  card.setAttribute("aria-label", `${task.title}, sample ${store.id[sample]}`);
  showImages(sample, images);
  return card;
}

function linkTo(sample) {
  const link = element("a", "link", "link");
  link.href = sampleAddress(sample);
  return link;
}

function answer(sample, run) {
  const status = store.status[run][sample];
  const parsed = store.parsed[run][sample];
  const said = store.answer[run][sample];
  const box = element("div", `answer run-${run % 8}`,
    element("p", "who", element("span", "swatch"), store.runs[run], verdict(sample, run)),
    element("p", status === ANSWERED ? "said" : "said unanswered", said ?? STATUS_WORDS[status]));
  if (parsed && parsed !== said) box.append(element("p", "parsed", element("span", "caption", "parsed as "), parsed));
  return box;
}

function verdict(sample, run) {
  const status = store.status[run][sample];
  if (status !== ANSWERED) return element("span", "verdict none", STATUS_WORDS[status]);
  if (!isScored(sample)) return element("span", "verdict none", "not scored");
  const score = store.score[run][sample];
  if (score > 0 && score < 1) return element("span", "verdict partly", `◐ ${score.toFixed(2)}`);
  return score ? element("span", "verdict right", "✓ right") : element("span", "verdict wrong", "✗ wrong");
}

async function showImages(sample, box) {
  try {
    const { images } = await details(sample);
    box.replaceChildren(...images.map(({ thumbnail, caption }, number) => captioned(image(thumbnail, sample, number), caption)));
    if (!images.length) box.append(element("span", "no-image", "no image"));
  } catch (error) {
    box.replaceChildren(element("span", "no-image", error.message));
  }
}

// An image that not all runs showed, with the names of those that did.
function captioned(image, caption) {
  return caption ? element("figure", "shown-by", image, element("figcaption", "caption", caption)) : image;
}

function image(thumbnail, sample, number) {
  if (!thumbnail) return element("span", "no-image", "image not at hand");
  const image = document.createElement("img");
  image.alt = `Image ${number + 1} of sample ${store.id[sample]}`;
  image.src = thumbnail;
  const button = element("button", "enlarge", image);
  button.type = "button";
  button.title = "enlarge";
  button.addEventListener("click", () => enlarge(sample, number));
  return button;
}

// The exact prompts, added when they are first opened.
function more(sample, runs) {
  const box = element("details", "more", element("summary", "", "Exact prompt"));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.childElementCount > 1) return;
    const { passes } = await details(sample);
    if (box.childElementCount === 1) box.append(...promptBlocks(runs.map((run) => [run, passes[run]])));
  });
  return box;
}

// One block for each pass of each run; a prompt that an earlier block shows is not repeated.
function promptBlocks(asked) {
  const shown = new Set();
  return asked.flatMap(([run, passes]) => passes.map((pass, number) => {
    const block = element("div", "pass", element("h4", "", `${store.runs[run]}${passes.length > 1 ? `, pass ${number + 1}` : ""}`));
    if (!shown.has(pass.prompt + pass.instruction)) {
      block.append(element("p", "caption", "prompt"), element("pre", "", pass.prompt),
        element("p", "caption", "instruction"), element("pre", "", pass.instruction));
    }
    shown.add(pass.prompt + pass.instruction);
    block.append(element("p", "caption", pass.error === null ? "answer" : "failed"), element("pre", "", pass.text ?? pass.error),
      element("p", "caption", `${pass.tokens} tokens, ${pass.seconds} s`));
    return block;
  }));
}
