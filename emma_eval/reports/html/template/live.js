// A run as it goes on: asks for its status once a second, until it has ended.
const POLL_MILLISECONDS = 1000;
const body = (id) => document.querySelector(`#${id} tbody`);

function cell(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

function line(...cells) {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}

function bar(done, total) {
  const progress = document.createElement("progress");
  progress.max = Math.max(total, 1);
  progress.value = done;
  return progress;
}

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

function show(status) {
  if (status.problem) {
    document.getElementById("state").textContent = status.problem;
    return;
  }
  const [, done, total] = status.tasks.at(-1);
  const pace = [
    status.rate ? `${status.rate.toFixed(1)} samples/s` : "",
    status.seconds_left === null ? "" : `${duration(status.seconds_left)} left`,
  ];
  document.getElementById("model").textContent = status.model;
  document.title = `${total ? Math.floor((100 * done) / total) : 0}% ${status.model}`;
  document.getElementById("state").textContent = [status.state, ...pace].filter(Boolean).join(", ");
  body("tasks").replaceChildren(...status.tasks.map(([name, done, total, failed]) => line(
    cell("th", "", name), cell("td", "wide", bar(done, total)),
    cell("td", "number", `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`),
    cell("td", "number", failed ? failed.toLocaleString("en") : ""))));
  body("latest").replaceChildren(...[...status.latest].reverse().map(([task, id, text, error]) => line(
    cell("td", "", task), cell("td", "", id), cell("td", error === null ? "said" : "said unanswered", text ?? error))));
  body("scores").replaceChildren(...status.scores.map(([title, metric, value, interval]) => line(
    cell("th", "", title), cell("td", "", metric), cell("td", "number", value), cell("td", "number", interval))));
  document.getElementById("scores").hidden = !status.scores.length;
}

async function poll() {
  let running = true;
  try {
    const status = await (await fetch("status")).json();
    show(status);
    running = Boolean(status.problem) || status.state === "running";
  } catch {
    document.getElementById("state").textContent = "watch --serve has ended, or cannot be reached; trying again";
  }
  if (running) setTimeout(poll, POLL_MILLISECONDS);
}

poll();
