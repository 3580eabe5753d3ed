// The samples: an index of columns that is in the page, and chunks (prompts, images) that are loaded when needed.
const ANSWERED = 0, NOT_ASKED = 3;
const STATUS_WORDS = ["answered", "failed", "missing", "not asked"];
const RIGHT = 0.5;  // score from which an answer counts as right

const indexElement = document.getElementById("index");
const store = indexElement ? JSON.parse(indexElement.textContent) : null;
const chunks = new Map();  // number -> promise of the chunk
const waiting = new Map();  // name -> function that resolves the promise of that file when it has run

// A page on disk can't fetch files but can run them as scripts: each calls this function with its content.
window.reportFile = (name, content) => waiting.get(name)?.(content);

function loadChunk(number) {
  if (!chunks.has(number)) chunks.set(number, load(`chunk-${number}`, store.beside));
  return chunks.get(number);
}

// What the report keeps under a name: in an element of the page, or in a file beside it.
async function load(name, beside) {
  return beside ? loadBeside(name) : JSON.parse(document.getElementById(name).textContent);
}

function loadBeside(name) {
  return new Promise((resolve, reject) => {
    waiting.set(name, resolve);
    const script = document.createElement("script");
    script.src = `report-samples/${name}.js`;
    script.onload = () => script.remove();
    script.onerror = () => reject(new Error(`${script.src} is missing: keep it beside the page`));
    document.head.append(script);
  });
}

// An image as data URLs: its thumbnail (empty if it can't be opened), and a function that loads it as it is.
function imageOf(chunk, index) {
  const [thumbnail, number] = chunk.images[index];
  return {
    thumbnail: thumbnail && `data:image/jpeg;base64,${thumbnail}`,
    full: async () => (store.full_images === "none" ? null : load(`image-${number}`, store.full_images === "beside")),
  };
}

// A sample's prompts and images: {images: [imageOf with a caption], passes: per run [{prompt, instruction, text, ...}]}.
async function details(sample) {
  const chunk = await loadChunk(Math.floor(sample / store.chunk));
  const entry = chunk.entries[sample % store.chunk];
  return {
    images: entry.images.map((index, number) => ({ ...imageOf(chunk, index), caption: entry.captions?.[number] })),
    passes: entry.passes.map((passes) => passes.map(([prompt, instruction, text, error, tokens, seconds]) => ({
      prompt: chunk.texts[prompt], instruction: chunk.texts[instruction], text, error, tokens, seconds,
    }))),
  };
}

function isScored(sample) {
  return store.tasks[store.task[sample]].scored;
}

function isRight(sample, run) {
  return isScored(sample) && store.status[run][sample] === ANSWERED && store.score[run][sample] >= RIGHT;
}

function isWrong(sample, run) {
  return isScored(sample) && store.status[run][sample] === ANSWERED && store.score[run][sample] < RIGHT;
}

function hasNoAnswer(sample, run) {
  return store.status[run][sample] !== ANSWERED && store.status[run][sample] !== NOT_ASKED;
}
