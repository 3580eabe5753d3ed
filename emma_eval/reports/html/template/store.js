// The samples: an index of columns that is in the page, and chunks (prompts, images) that are loaded when needed.
const ANSWERED = 0, NOT_ASKED = 3;
const STATUS_WORDS = ["answered", "failed", "missing", "not asked"];
const RIGHT = 0.5;  // score from which an answer counts as right

const indexElement = document.getElementById("index");
const store = indexElement ? JSON.parse(indexElement.textContent) : null;
const chunks = new Map();  // number -> promise of the chunk
const waiting = new Map();  // number -> function that resolves that promise when its file has run

// A page on disk can't fetch files but can run them as scripts: each calls this function with its content.
window.reportChunk = (number, chunk) => waiting.get(number)?.(chunk);

function loadChunk(number) {
  if (!chunks.has(number)) {
    chunks.set(number, store.beside ? loadBeside(number) : loadEmbedded(number));
  }
  return chunks.get(number);
}

async function loadEmbedded(number) {
  return JSON.parse(document.getElementById(`chunk-${number}`).textContent);
}

function loadBeside(number) {
  return new Promise((resolve, reject) => {
    waiting.set(number, resolve);
    const script = document.createElement("script");
    script.src = `report-samples/${number}.js`;
    script.onload = () => script.remove();
    script.onerror = () => reject(new Error(`${script.src} is missing: keep it beside the page`));
    document.head.append(script);
  });
}

// A sample's prompts and images: {images: [base64], passes: per run [{prompt, instruction, text, ...}]}.
async function details(sample) {
  const chunk = await loadChunk(Math.floor(sample / store.chunk));
  const entry = chunk.entries[sample % store.chunk];
  return {
    images: entry.images.map((index) => chunk.images[index]),
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
