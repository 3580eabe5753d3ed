// The sample browser: filters, the page that is shown, keys.
const PAGE_SIZE = 20;

function startBrowser() {
  const get = (id) => document.getElementById(id);
  const several = store.runs.length > 1;
  const outcomes = several ? OUTCOMES_OF_TWO : OUTCOMES;
  let found = [];
  let page = 0;

  function fill(select, options) {
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
  }

  function fillCategories() {
    const task = Number(get("task").value);
    const names = task < 0 ? [] : store.tasks[task].categories;
    fill(get("category"), [[-1, "all"], ...names.map((name, number) => [number, name || "none"])]);
    get("category").disabled = names.length < 2;
  }

  function shownRuns() {
    const runs = several ? [Number(get("run-a").value), Number(get("run-b").value)] : [0];
    return [...new Set(runs)];
  }

  function search() {
    found = matching({
      query: get("query").value,
      task: Number(get("task").value),
      category: Number(get("category").value),
      outcome: get("outcome").value,
      a: several ? Number(get("run-a").value) : 0,
      b: several ? Number(get("run-b").value) : 0,
    }, outcomes);
    page = 0;
    show();
  }

  function show() {
    const runs = shownRuns();
    const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
    get("found").textContent = summary(runs);
    get("list").replaceChildren(...found.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE).map((sample) => sampleCard(sample, runs)));
    get("list").classList.toggle("two", runs.length > 1);
    get("page").textContent = `${page + 1} of ${pages}`;
    get("previous").disabled = page === 0;
    get("next").disabled = page === pages - 1;
    get("pages").hidden = pages === 1;
  }

  function summary(runs) {
    const total = store.tasks.reduce((sum, task) => sum + task.samples, 0);
    const held = store.id.length < total ? ` (of ${total.toLocaleString("en")} asked, chosen evenly)` : "";
    const means = runs.map((run) => {
      const own = found.filter((sample) => isScored(sample) && store.status[run][sample] !== NOT_ASKED);
      const mean = own.reduce((sum, sample) => sum + store.score[run][sample], 0) / own.length;
      return own.length ? `${store.runs[run]}: mean score ${(100 * mean).toFixed(1)}%` : "";
    });
    const counted = `${found.length.toLocaleString("en")} of ${store.id.length.toLocaleString("en")} samples${held}`;
    return [counted, ...means].filter(Boolean).join(" · ");
  }

  function turn(step) {
    const last = Math.ceil(found.length / PAGE_SIZE) - 1;
    const wanted = Math.min(Math.max(page + step, 0), Math.max(last, 0));
    if (wanted === page) return;
    page = wanted;
    show();
    get("samples").scrollIntoView({ block: "start" });
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "/") {
      event.preventDefault();
      get("query").focus();
    } else if (event.key === "[" || event.key === "]") {
      turn(event.key === "]" ? 1 : -1);
    }
  }

  let typing;
  fill(get("task"), [[-1, "all"], ...store.tasks.map((task, number) => [number, task.title])]);
  fill(get("outcome"), Object.entries(outcomes).map(([value, [words]]) => [value, words]));
  for (const select of [get("run-a"), get("run-b")]) fill(select, store.runs.map((name, number) => [number, name]));
  if (several) get("run-b").value = "1";
  for (const label of document.querySelectorAll("[data-several]")) label.hidden = !several;
  fillCategories();
  get("filters").hidden = false;

  get("task").addEventListener("change", fillCategories);
  get("filters").addEventListener("change", search);
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("filters").addEventListener("reset", () => setTimeout(() => {
    if (several) get("run-b").value = "1";
    fillCategories();
    search();
  }));
  get("query").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, 150);
  });
  get("previous").addEventListener("click", () => turn(-1));
  get("next").addEventListener("click", () => turn(1));
  document.addEventListener("keydown", onKey);
  search();
}

if (store) startBrowser();
