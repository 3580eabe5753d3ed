// The index of runs: sorted by a click on a column's head, searched by words, one task's scores or all.
const table = document.getElementById("runs");
const heads = [...table.tHead.rows[0].cells];
const lines = [...table.tBodies[0].rows];
const query = document.getElementById("query");
const column = document.getElementById("column");

// Empty cells stay last, whichever way the column is sorted.
function compareKeys(one, two, kind, sign) {
  if (one === "" || two === "") return (one === "") - (two === "");
  return sign * (kind === "number" ? Number(one) - Number(two) : one.localeCompare(two, "en", { numeric: true }));
}

function sortBy(place, descending) {
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[place].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const kind = heads[place].dataset.sort;
  const key = (line) => line.cells[place].dataset.key;
  table.tBodies[0].append(...[...lines].sort((a, b) => compareKeys(key(a), key(b), kind, descending ? -1 : 1)));
}

function search() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const line of lines) line.hidden = !words.every((word) => line.textContent.toLowerCase().includes(word));
  const shown = lines.filter((line) => !line.hidden).length;
  document.getElementById("found").textContent = `${shown.toLocaleString("en")} of ${lines.length.toLocaleString("en")} runs`;
}

function chooseColumn() {
  for (const cell of table.querySelectorAll("[data-column]")) {
    cell.hidden = column.value !== "" && cell.dataset.column !== column.value;
  }
  if (column.value !== "") sortBy(heads.findIndex((head) => head.dataset.column === column.value), true);
}

heads.forEach((head, place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const now = head.getAttribute("aria-sort");
    sortBy(place, now ? now === "ascending" : head.dataset.sort === "number");
  });
});
document.getElementById("filters").hidden = false;
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
query.addEventListener("input", search);
column.addEventListener("change", chooseColumn);
search();
