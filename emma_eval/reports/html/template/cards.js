// A sample as a card. Everything a model or a data set wrote goes in as text, never as markup.
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function sampleCard(sample, runs) {
  const task = store.tasks[store.task[sample]];
  const category = task.categories[store.category[sample]];
  const images = element("div", "images");
  const card = element("article", "sample",
    images,
    element("div", "asked",
      element("p", "meta", [task.title, category, store.id[sample]].filter(Boolean).join(" · ")),
      element("p", "question", store.question[sample]),
      store.truth[sample] ? element("p", "truth", element("span", "caption", "truth "), store.truth[sample]) : null,
      more(sample, runs)),
    element("div", "given", ...runs.map((run) => answer(sample, run))));
  card.dataset.sample = sample;
  card.setAttribute("aria-label", `${task.title}, sample ${store.id[sample]}`);
  showImages(sample, images);
  return card;
}

function answer(sample, run) {
  const status = store.status[run][sample];
  const read = store.read[run][sample];
  const said = store.answer[run][sample];
  const box = element("div", `answer run-${run % 8}`,
    element("p", "who", element("span", "swatch"), store.runs[run], verdict(sample, run)),
    element("p", status === ANSWERED ? "said" : "said unanswered", said ?? STATUS_WORDS[status]));
  if (read && read !== said) box.append(element("p", "read", element("span", "caption", "read as "), read));
  return box;
}

function verdict(sample, run) {
  const status = store.status[run][sample];
  if (status !== ANSWERED) return element("span", "verdict none", STATUS_WORDS[status]);
  if (!isScored(sample)) return element("span", "verdict none", "not scored");
  const credit = store.credit[run][sample];
  if (credit > 0 && credit < 1) return element("span", "verdict partly", `◐ ${credit.toFixed(2)}`);
  return credit ? element("span", "verdict right", "✓ right") : element("span", "verdict wrong", "✗ wrong");
}

async function showImages(sample, place) {
  try {
    const { images } = await details(sample);
    place.replaceChildren(...images.map((data, number) => image(data, sample, number)));
    if (!images.length) place.append(element("span", "no-image", "no image"));
  } catch (error) {
    place.replaceChildren(element("span", "no-image", error.message));
  }
}

function image(data, sample, number) {
  if (!data) return element("span", "no-image", "image not at hand");
  const image = document.createElement("img");
  image.alt = `Image ${number + 1} of sample ${store.id[sample]}`;
  image.src = `data:image/jpeg;base64,${data}`;
  return image;
}

// The exact prompts, made when they are first opened.
function more(sample, runs) {
  const box = element("details", "more", element("summary", "", "Exact prompt"));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.childElementCount > 1) return;
    const { passes } = await details(sample);
    if (box.childElementCount === 1) box.append(...promptBlocks(runs.map((run) => [run, passes[run]])));
  });
  return box;
}

// One block for each pass of each run; a prompt that the run before was asked too is not repeated.
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
