// The sample browser: filters, order, the page that is shown, keys, and the address that names all of it.
const PAGE_SIZE = 20;

function startBrowser() {
  const get = (id) => document.getElementById(id);
  const several = store.runs.length > 1;
  const outcomes = several ? OUTCOMES_OF_TWO : OUTCOMES;
  const orders = several ? ORDERS_OF_TWO : ORDERS;
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

  const runA = () => (several ? Number(get("run-a").value) : 0);
  const runB = () => (several ? Number(get("run-b").value) : 0);

  function search() {
    const state = {
      query: get("query").value,
      task: Number(get("task").value),
      category: Number(get("category").value),
      outcome: get("outcome").value,
      a: runA(),
      b: runB(),
    };
    found = ordered(matching(state, outcomes), orders[get("sort").value][1], state.a, state.b);
    page = 0;
  }

  function show(id = "", keep = false) {
    const runs = [...new Set([runA(), runB()])];
    const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
    get("found").textContent = summary(runs);
    get("list").replaceChildren(...found.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE).map((sample) => sampleCard(sample, runs)));
    get("list").classList.toggle("two", runs.length > 1);
    get("page").textContent = `${page + 1} of ${pages}`;
    get("previous").disabled = page === 0;
    get("next").disabled = page === pages - 1;
    get("pages").hidden = pages === 1;
    if (!keep) remember(id);
  }

  function update() {
    search();
    show();
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

  // Write what is shown to the address: only what is not as it is at first.
  function remember(id) {
    const task = store.tasks[get("task").value];
    writeState({
      task: task?.name,
      category: get("category").value >= 0 && task ? task.categories[get("category").value] || "none" : "",
      outcome: get("outcome").value === "any" ? "" : get("outcome").value,
      q: get("query").value.trim(),
      a: runA() === 0 ? "" : store.runs[runA()],
      b: !several || runB() === 1 ? "" : store.runs[runB()],
      sort: get("sort").value,
      page: page ? String(page + 1) : "",
      id,
    });
  }

  // Show what the address names; a name that this report does not have counts as not given.
  function recall(state) {
    const indexOr = (names, name, otherwise) => (name && names.includes(name) ? names.indexOf(name) : otherwise);
    get("task").value = indexOr(store.tasks.map((task) => task.name), state.task, -1);
    fillCategories();
    const categories = store.tasks[get("task").value]?.categories.map((name) => name || "none") ?? [];
    get("category").value = indexOr(categories, state.category, -1);
    get("outcome").value = state.outcome in outcomes ? state.outcome : "any";
    get("query").value = state.q;
    get("sort").value = state.sort in orders ? state.sort : "";
    get("run-a").value = indexOr(store.runs, state.a, 0);
    get("run-b").value = indexOr(store.runs, state.b, Math.min(1, store.runs.length - 1));
    search();
    const place = state.id ? found.findIndex((sample) => store.id[sample] === state.id) : -1;
    page = place >= 0 ? Math.floor(place / PAGE_SIZE) : pageWithin(Number(state.page) - 1);
    show(state.id);
    if (state.id && place < 0) get("found").textContent = `Sample ${state.id} is not among those shown here. ${get("found").textContent}`;
    if (place >= 0) select(place - page * PAGE_SIZE);
    else get("samples").scrollIntoView({ block: "start" });
  }

  function pageWithin(wanted) {
    const last = Math.max(0, Math.ceil(found.length / PAGE_SIZE) - 1);
    return Number.isInteger(wanted) ? Math.min(Math.max(wanted, 0), last) : 0;
  }

  function turn(step) {
    const wanted = pageWithin(page + step);
    if (wanted === page) return false;
    page = wanted;
    show();
    get("samples").scrollIntoView({ block: "start" });
    return true;
  }

  // Move the focus to the card at a place of this page.
  function select(place) {
    const card = get("list").children[place];
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "start" });
  }

  function step(by) {
    const cards = [...get("list").children];
    const now = cards.findIndex((card) => card.contains(document.activeElement));
    const wanted = now < 0 ? (by > 0 ? 0 : cards.length - 1) : now + by;
    if (wanted >= 0 && wanted < cards.length) select(wanted);
    else if (turn(by)) select(by > 0 ? 0 : PAGE_SIZE - 1);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (event.key === "/") {
      event.preventDefault();
      get("query").focus();
    } else if (event.key === "[" || event.key === "]") {
      turn(event.key === "]" ? 1 : -1);
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (event.key === "o") {
      document.activeElement.closest("article.sample")?.querySelector("button.enlarge")?.click();
    }
  }

  function recallAddress() {
    const state = readState();
    if (state) recall(state);
    return state !== null;
  }

  let typing;
  fill(get("task"), [[-1, "all"], ...store.tasks.map((task, number) => [number, task.title])]);
  fill(get("outcome"), Object.entries(outcomes).map(([value, [words]]) => [value, words]));
  fill(get("sort"), Object.entries(orders).map(([value, [words]]) => [value, words]));
  for (const select of [get("run-a"), get("run-b")]) fill(select, store.runs.map((name, number) => [number, name]));
  if (several) get("run-b").value = "1";
  for (const label of document.querySelectorAll("[data-several]")) label.hidden = !several;
  fillCategories();
  get("filters").hidden = false;

  get("task").addEventListener("change", fillCategories);
  get("filters").addEventListener("change", update);
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  get("filters").addEventListener("reset", () => setTimeout(() => {
    if (several) get("run-b").value = "1";
    fillCategories();
    update();
  }));
  get("query").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(update, 150);
  });
  get("previous").addEventListener("click", () => turn(-1));
  get("next").addEventListener("click", () => turn(1));
  document.addEventListener("keydown", onKey);
  window.addEventListener("hashchange", recallAddress);
  if (!recallAddress()) {
    search();
    show("", true);
  }
}

if (store) startBrowser();
