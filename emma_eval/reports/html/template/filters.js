// Filters and search: which samples are shown.
const OUTCOMES = {
  any: ["any", () => true],
  right: ["right", (sample, a) => isRight(sample, a)],
  wrong: ["wrong", (sample, a) => isWrong(sample, a)],
  partly: ["partly right", (sample, a) => isScored(sample) && store.score[a][sample] > 0 && store.score[a][sample] < 1],
  failed: ["failed or missing", (sample, a) => hasNoAnswer(sample, a)],
};
const OUTCOMES_OF_TWO = {
  ...Object.fromEntries(Object.entries(OUTCOMES).map(([key, [words, test]]) => [key, [key === "any" ? words : `A ${words}`, test]])),
  "a-b": ["A right, B wrong", (sample, a, b) => isRight(sample, a) && isBeaten(sample, b)],
  "b-a": ["B right, A wrong", (sample, a, b) => isRight(sample, b) && isBeaten(sample, a)],
  neither: ["both wrong", (sample, a, b) => isBeaten(sample, a) && isBeaten(sample, b)],
  differ: ["answers differ", (sample, a, b) => wasAskedOf(sample, a, b) && store.answer[a][sample] !== store.answer[b][sample]],
};

// A question without an answer counts as wrong, as it does in the scores.
function isBeaten(sample, run) {
  return isWrong(sample, run) || (isScored(sample) && hasNoAnswer(sample, run));
}

function wasAskedOf(sample, a, b) {
  return store.status[a][sample] !== NOT_ASKED && store.status[b][sample] !== NOT_ASKED;
}

const haystacks = [];  // lower-case text of each sample, filled by the first search

function haystack(sample) {
  haystacks[sample] ??= [
    store.id[sample], store.question[sample], store.reference[sample], ...store.answer.map((answers) => answers[sample] ?? ""),
  ].join("\n").toLowerCase();
  return haystacks[sample];
}

// {query, task, category, outcome, a, b} -> indices of the samples. Task and category are -1 for all of them.
function matching(state, outcomes) {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  const [, test] = outcomes[state.outcome];
  const found = [];
  for (let sample = 0; sample < store.id.length; sample += 1) {
    if (state.task >= 0 && store.task[sample] !== state.task) continue;
    if (state.category >= 0 && store.category[sample] !== state.category) continue;
    if (!test(sample, state.a, state.b)) continue;
    if (words.every((word) => haystack(sample).includes(word))) found.push(sample);
  }
  return found;
}
