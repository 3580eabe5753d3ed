// What the sample browser shows, as the part of the address after #: names, not numbers, so that a link outlives the page.
const SAMPLES = "#samples?";
const STATE_KEYS = ["task", "category", "outcome", "q", "a", "b", "sort", "page", "id"];

// The state of the address; null if it names no samples.
function readState() {
  if (!location.hash.startsWith(SAMPLES)) return null;
  const words = new URLSearchParams(location.hash.slice(SAMPLES.length));
  return Object.fromEntries(STATE_KEYS.map((key) => [key, words.get(key) ?? ""]));
}

// The address of a state; what is empty is left out.
function addressOf(state) {
  const words = new URLSearchParams();
  for (const key of STATE_KEYS) if (state[key]) words.set(key, state[key]);
  const text = words.toString();
  return text ? SAMPLES + text : "#samples";
}

// The address follows what is shown, without a step in the history for each letter that is typed.
function writeState(state) {
  try {
    history.replaceState(null, "", addressOf(state));
  } catch {
    // Some browsers refuse it for a file on disk; the page works without.
  }
}

function sampleAddress(sample) {
  return addressOf({ task: store.tasks[store.task[sample]].name, id: store.id[sample] });
}
