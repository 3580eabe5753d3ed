// Orders of the samples found; equal ones stay in the benchmark's order.
const ORDERS = {
  "": ["the benchmark's", null],
  worst: ["lowest score first", (sample, a) => scoreOr(sample, a, Infinity)],
  best: ["highest score first", (sample, a) => -scoreOr(sample, a, -Infinity)],
  longest: ["longest answer first", (sample, a) => -lengthOf(sample, a)],
  shortest: ["shortest answer first", (sample, a) => lengthOf(sample, a)],
};
const ORDERS_OF_TWO = {
  ...ORDERS,
  disagreement: ["largest disagreement first", (sample, a, b) => -disagreement(sample, a, b)],
};

function scoreOr(sample, run, otherwise) {
  return isScored(sample) && store.status[run][sample] !== NOT_ASKED ? store.score[run][sample] : otherwise;
}

function lengthOf(sample, run) {
  return store.status[run][sample] === ANSWERED ? store.answer[run][sample].length : 0;
}

// The difference in score, then whether the answers differ at all; below both, samples that one run was not asked.
function disagreement(sample, a, b) {
  if (!wasAskedOf(sample, a, b)) return -1;
  const differs = store.answer[a][sample] === store.answer[b][sample] ? 0 : 1e-6;
  return differs + (isScored(sample) ? Math.abs(store.score[a][sample] - store.score[b][sample]) : 0);
}

// A sorted copy; `key` null keeps the order.
function ordered(samples, key, a, b) {
  if (!key) return samples;
  const keys = new Map(samples.map((sample) => [sample, key(sample, a, b)]));
  return [...samples].sort((one, two) => compareNumbers(keys.get(one), keys.get(two)) || one - two);
}

function compareNumbers(one, two) {
  return one < two ? -1 : one > two ? 1 : 0;
}
