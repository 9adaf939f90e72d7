// The live page: polls the server and shows what is new. The address ends with #KEY for one run.

import { drawChart } from "./chart.js";
import { byId, setText, showImage, showNotice } from "./elements.js";
import { formatCount, formatDuration, formatSpeed } from "./format.js";

const POLL_INTERVAL = 1000; // milliseconds while a run is active
const IDLE_INTERVAL = 3000; // milliseconds otherwise
const MAX_ROWS = 4000; // of a curve; beyond, every second row is dropped
const QUIET_SECONDS = 10; // since the last write, after which the page says so
const STOPPED = "Stopped. The results are saved; the same command without --overwrite resumes the run.";
const STATES = ["running", "done", "failed", "stopped", "waiting"]; // order of the counts
const URGENCY = ["running", "failed", "stopped", "waiting", "done"]; // the first one names the whole

const context = { folder: "", can_stop: false, several: false }; // from the last reply
const cards = new Map(); // key -> list item
let run = null; // the one shown; null: all
let stopping = false; // the person asked to stop
let unreachable = false; // the last poll had no reply
let latestPoll = 0; // replies to earlier polls are ignored

// Requests

async function fetchJson(path) {
  const reply = await fetch(path).catch(() => {
    throw new Error("no reply", { cause: 0 });
  });
  if (!reply.ok) throw new Error(reply.statusText, { cause: reply.status });
  return reply.json();
}

async function poll() {
  const own = ++latestPoll, start = performance.now();
  const isLatest = () => own === latestPoll;
  let idle = true;
  try {
    idle = await (run ? pollRun(isLatest) : pollAll(isLatest));
  } catch (error) {
    if (error.cause === undefined) console.error(error); // an error in this script
    else if (isLatest()) showFailure(error);
  }
  if (!isLatest() || document.hidden) return;
  const interval = idle ? IDLE_INTERVAL : POLL_INTERVAL;
  const duration = performance.now() - start; // a slow server is asked less often
  setTimeout(() => isLatest() && poll(), Math.max(interval, 10 * duration));
}

async function pollAll(isLatest) { // returns whether all runs are idle
  const reply = await fetchJson("runs");
  if (!isLatest()) return true;
  keepContext(reply);
  if (reply.runs.length === 1) {
    open(reply.runs[0].key);
    return false;
  }
  showAll(reply.runs);
  return reply.runs.length > 0 && !reply.runs.some(isActive);
}

async function pollRun(isLatest) { // returns whether the run is idle
  const { key, offset, step, snapshot } = run;
  const reply = await fetchJson(`run?${new URLSearchParams({ run: key, offset, step, snapshot })}`);
  if (!isLatest()) return true;
  keepContext(reply);
  addUpdates(reply);
  showRun();
  return !isActive(reply);
}

function keepContext({ folder, can_stop, several }) {
  Object.assign(context, { folder, can_stop, several });
  if (unreachable) stopping = false; // a new command serves this page
  unreachable = false;
}

const isActive = (status) => status.state === "running" || status.state === "waiting";

function showFailure(error) { // its cause: the HTTP status, or 0 without a reply
  if (run && error.cause === 404) return showNotice("This run does not exist any more.");
  if (error.cause) return showNotice(`Error from the server: ${error.message}.`);

  unreachable = true;
  const command = ["jaxtex", `--serve=${location.port}`, `--workdir=${context.folder}`];
  const reason = stopping ? STOPPED : "The command has ended or cannot be reached.";
  showNotice(`${reason} To see the runs again:`, command);
  if (isActive(byId("state").dataset)) showState("stopped", stopping ? "stopped" : "no reply");
  setText(byId("left"), "–");
  byId("stop").hidden = true;
}

function addUpdates(reply) {
  if (reply.restarted) Object.assign(run, { columns: [], rows: [], snapshots: [] });
  run.columns = [...new Set([...run.columns, ...reply.columns.slice(1)])]; // without "step"
  for (const row of reply.rows) {
    run.rows.push(Object.fromEntries(reply.columns.map((name, i) => [name, row[i]])));
  }
  if (run.rows.length > MAX_ROWS) {
    const last = run.rows.length - 1;
    run.rows = run.rows.filter((_, i) => (last - i) % 2 === 0);
  }
  run.snapshots.push(...reply.snapshots);
  run.offset = reply.offset;
  run.step = run.rows.at(-1)?.step ?? 0;
  run.snapshot = run.snapshots.at(-1)?.[0] ?? 0;
  run.status = reply;
}

// One run, or all

function open(key) {
  const start = { offset: 0, step: 0, snapshot: 0, columns: [], rows: [], snapshots: [], status: null, chosen: null };
  run = key ? { key, ...start } : null; // chosen: index of the picture to show; null: the newest
  byId("run").hidden = byId("runs").hidden = true;
  for (const id of ["shown", "exemplar"]) byId(id).removeAttribute("src");
  poll();
}

const pictureUrl = (key, [file, version]) => `picture?${new URLSearchParams({ run: key, file, v: version })}`;

function showHeader(title, state, text, failure = "") {
  setText(byId("title"), title);
  document.title = `${title}: ${text}`;
  showState(state, text);
  showNotice(stopping ? "Stopping: the results are being saved." : failure);
  byId("all").hidden = !run || !context.several;
  byId("stop").hidden = !context.can_stop;
  byId("stop").disabled = stopping;
  const idleLabel = context.several ? "Stop all" : "Stop";
  setText(byId("stop"), stopping ? "Stopping" : idleLabel);
}

function showState(state, text) {
  byId("state").dataset.state = state;
  byId("state").className = `state ${state}`;
  setText(byId("state"), text);
}

function showAll(runs) {
  const folder = context.folder.split("/").filter(Boolean).at(-1) ?? "jaxtex";
  const whole = URGENCY.find((state) => runs.some((status) => status.state === state));
  showHeader(folder, whole ?? "waiting", whole ?? "waiting");

  const counts = STATES.map((state) => [runs.filter((status) => status.state === state).length, state]);
  const text = counts.filter(([count]) => count).map(([count, state]) => `${count} ${state}`).join(", ");
  setText(byId("counts"), runs.length ? `${runs.length} runs: ${text}` : "No runs yet.");

  const total = runs.reduce((sum, status) => sum + shareDone(status), 0);
  byId("share").className = whole ?? "";
  byId("share").value = total / Math.max(1, runs.length);

  const keys = new Set(runs.map((status) => status.key));
  for (const [key, card] of cards) {
    if (keys.has(key)) continue;
    cards.delete(key);
    card.remove();
  }
  runs.forEach(showCard);
  byId("runs").hidden = false;
}

function shareDone({ state, step, num_steps }) {
  if (state === "done") return 1;
  return num_steps ? Math.min(1, step / num_steps) : 0;
}

function showCard(status, index) {
  if (!cards.has(status.key)) cards.set(status.key, createCard(status));
  const card = cards.get(status.key), link = card.firstChild;
  const [image, , state, bar] = link.children;
  if (status.picture) showImage(image, pictureUrl(status.key, status.picture));

  const progresses = status.state === "running" && status.seconds_left != null;
  setText(state, progresses ? `${status.step} of ${status.num_steps}` : status.state);
  state.className = `state ${status.state}`;
  bar.className = status.state;
  bar.value = shareDone(status);
  link.title = status.failure ?? "";

  const before = byId("cards").children[index];
  if (before !== card) byId("cards").insertBefore(card, before ?? null);
}

function createCard(status) {
  const card = document.createElement("li"), link = document.createElement("a");
  link.href = `#${status.key}`;
  const [image, name, state, bar] = ["img", "div", "span", "progress"].map((tag) => document.createElement(tag));
  image.alt = "";
  name.className = "name";
  name.textContent = status.name;
  bar.setAttribute("aria-label", "Steps done");
  link.append(image, name, state, bar);
  card.append(link);
  return card;
}

function showRun() {
  const { status } = run;
  const state = status.state === "waiting" ? "waiting for the first step" : status.state;
  const isQuiet = status.state === "running" && status.seconds_since_write > QUIET_SECONDS;
  const age = isQuiet ? `, last step ${formatDuration(status.seconds_since_write)} ago` : "";
  showHeader(status.name, status.state, state + age, status.failure ?? "");

  byId("done").className = status.state;
  byId("done").value = shareDone(status);
  const steps = `${formatCount(status.step)} / ${formatCount(status.num_steps)}`;
  setText(byId("step"), status.num_steps ? steps : "–");
  setText(byId("left"), status.seconds_left == null ? "–" : formatDuration(status.seconds_left));
  setText(byId("speed"), formatSpeed(status.steps_per_second));
  setText(byId("elapsed"), status.seconds == null ? "–" : formatDuration(status.seconds));

  byId("source").hidden = !status.exemplar;
  byId("picture").hidden = !listPictures().length;
  byId("losses").hidden = !run.rows.length;
  if (status.exemplar) showImage(byId("exemplar"), pictureUrl(run.key, ["exemplar.png", status.exemplar]));
  byId("run").hidden = false;
  showPicture();
  showChart();
}

// The picture and its snapshots

const snapshotFile = (step) => `steps/${String(step).padStart(6, "0")}.png`;

function listPictures() {
  const snapshots = run.snapshots.map(([step, version]) => {
    return { step, label: `step ${formatCount(step)}`, file: snapshotFile(step), version };
  });
  const [file, version] = run.status.picture ?? [];
  if (file !== "result.png") return snapshots;
  return [...snapshots, { step: run.status.step, label: "result", file, version }];
}

function showPicture() {
  const pictures = listPictures(), last = pictures.length - 1;
  const index = run.chosen === null ? last : Math.min(run.chosen, last);
  const scrub = byId("scrub");
  scrub.max = Math.max(0, last);
  scrub.value = Math.max(0, index);
  scrub.disabled = last < 1;
  byId("newest").disabled = index === last;
  if (last < 0) return;

  const { label, file, version } = pictures[index], url = pictureUrl(run.key, [file, version]);
  showImage(byId("shown"), url);
  byId("shown").alt = `Picture: ${label}`;
  scrub.setAttribute("aria-valuetext", label);
  setText(byId("label"), label);
  byId("save").href = url;
  byId("save").download = `${run.status.name.replaceAll("/", "-")}-${label.replaceAll(/\s/g, "")}.png`;
}

function showChart() {
  const shownStep = listPictures()[byId("scrub").value]?.step;
  drawChart({ rows: run.rows, columns: run.columns, lastStep: run.step, shownStep });
}

// Controls

function choose(index) {
  run.chosen = index;
  showPicture();
  showChart();
}

async function stop() {
  if (!confirm("Stop? The results are saved, and the same command without --overwrite resumes the run.")) return;
  const reply = await fetch("stop", { method: "POST" }).catch(() => null);
  stopping = Boolean(reply?.ok);
  poll();
}

byId("scrub").addEventListener("input", ({ target }) => choose(target.value === target.max ? null : Number(target.value)));
byId("newest").addEventListener("click", () => choose(null));
byId("stop").addEventListener("click", stop);
byId("all").addEventListener("click", () => open(""));
addEventListener("hashchange", () => open(location.hash.slice(1)));
addEventListener("resize", () => run?.status && showChart());
document.addEventListener("visibilitychange", () => document.hidden || poll());

open(location.hash.slice(1));
