// The live page: asks once a second what is new, and shows it. An address that ends with #KEY is that of one run.

const SVG = "http://www.w3.org/2000/svg";
const EVERY = 1000; // milliseconds between two questions while something runs; 3 times that when nothing does
const MOST = 4000; // rows of a curve; of more, every second is kept
const CURVES = 7; // colours of colours.css
const STOPPED = "Stopped: what was made is saved, and the same command goes on from there.";
const MARGIN = { left: 44, right: 8, top: 8, bottom: 22 }; // pixels around the curves

const at = (id) => document.getElementById(id);
const known = { folder: "", stops: false, several: false }; // of the whole, by the last answer
const cards = new Map(); // by key
let run = null; // that is shown; null: all
let stopping = false; // was asked for here
let asking = 0; // counts the questions: an answer that comes too late is not shown

// What is asked

async function ask(path) {
  const answer = await fetch(path).catch(() => {
    throw new Error("no answer", { cause: 0 });
  });
  if (!answer.ok) throw new Error(answer.statusText, { cause: answer.status });
  return answer.json();
}

async function poll() {
  const mine = ++asking, began = performance.now();
  let idle = true;
  try {
    idle = await (run ? askRun : askAll)(() => mine === asking);
  } catch (error) {
    if (error.cause === undefined) console.error(error); // ours
    else if (mine === asking) lost(error);
  }
  if (mine !== asking || document.hidden) return;
  setTimeout(() => mine === asking && poll(), Math.max(idle ? 3 * EVERY : EVERY, 10 * (performance.now() - began)));
}

async function askAll(wanted) {
  const told = await ask("runs");
  if (!wanted()) return true;
  know(told);
  if (told.runs.length === 1) {
    open(told.runs[0].run);
    return false;
  }
  showAll(told.runs);
  return told.runs.length > 0 && !told.runs.some(isGoing);
}

async function askRun(wanted) {
  const { key, at: from, step, shot } = run;
  const told = await ask(`run?${new URLSearchParams({ run: key, at: from, step, shot })}`);
  if (!wanted()) return true;
  know(told);
  take(told);
  showRun();
  return !isGoing(told);
}

const know = ({ folder, stops, several }) => Object.assign(known, { folder, stops, several });
const isGoing = (told) => told.state === "running" || told.state === "waiting";

function lost(error) { // cause: the status of HTTP, or 0
  if (run && error.cause === 404) return notice("This run is not there any more.");
  if (error.cause) return notice(`The server says: ${error.message}.`);
  const again = `jaxtex --serve=${location.port} --workdir=${known.folder}`;
  notice(`${stopping ? STOPPED : "The command has ended, or cannot be reached."} ${again} shows again what is there.`);
  if (isGoing(at("state").dataset)) state("stopped", stopping ? "stopped" : "no answer");
  stopping = at("stop").disabled = false;
  at("stop").hidden = true;
}

function take(told) {
  if (told.anew) Object.assign(run, { names: [], rows: [], shots: [] });
  run.names = [...new Set([...run.names, ...told.names.slice(1)])];
  for (const row of told.rows) run.rows.push(Object.fromEntries(told.names.map((name, i) => [name, row[i]])));
  if (run.rows.length > MOST) run.rows = run.rows.filter((_, i) => (run.rows.length - 1 - i) % 2 === 0);
  run.shots.push(...told.shots);
  run.at = told.at;
  run.step = run.rows.at(-1)?.step ?? 0;
  run.shot = run.shots.at(-1)?.[0] ?? 0;
  run.told = told;
}

// One run, or all

function open(key) {
  run = key ? { key, at: 0, step: 0, shot: 0, names: [], rows: [], shots: [], told: null, chosen: null } : null;
  at("run").hidden = at("runs").hidden = true;
  for (const id of ["shown", "exemplar"]) at(id).removeAttribute("src");
  poll();
}

const picture = (key, [file, version]) => `picture?${new URLSearchParams({ run: key, file, v: version })}`;
const clock = (seconds) => {
  const whole = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};
const count = (number) => number.toLocaleString("en").replaceAll(",", "\u2009");
const brief = (number) => (number == null ? "–" : number === 0 ? "0" : number.toExponential(2));

function say(id, text) { // only what is another text is written: readers of a screen hear no more
  if (at(id).textContent !== text) at(id).textContent = text;
}

function notice(text) {
  at("notice").hidden = !text;
  say("notice", text);
}

function head(title, name, text, why = "") {
  say("title", title);
  document.title = `${title}: ${text}`;
  state(name, text);
  notice(stopping ? "Told to stop: it saves what is made." : why);
  at("all").hidden = !run || !known.several;
  at("stop").hidden = !known.stops;
  at("stop").disabled = stopping;
  say("stop", stopping ? "Stopping" : known.several ? "Stop all" : "Stop");
}

function state(name, text) {
  at("state").dataset.state = name;
  at("state").className = `state ${name}`;
  say("state", text);
}

function showAll(runs) {
  const states = ["running", "done", "failed", "stopped", "waiting"];
  const counts = states.map((state) => [runs.filter((each) => each.state === state).length, state]).filter(([n]) => n);
  const text = counts.map(([n, state]) => `${n} ${state}`).join(", ");
  const folder = known.folder.split("/").filter(Boolean).at(-1) ?? "jaxtex";
  const whole = ["running", "failed", "stopped", "waiting", "done"].find((state) => runs.some((each) => each.state === state));
  head(folder, whole ?? "waiting", whole ?? "waiting");
  at("share").className = whole ?? "";
  say("counts", runs.length ? `${runs.length} runs: ${text}` : "No run here yet.");
  at("share").value = runs.reduce((sum, each) => sum + share(each), 0) / Math.max(1, runs.length);
  const there = new Set(runs.map((each) => each.run));
  for (const [key, card] of cards) if (!there.has(key)) cards.delete(key), card.remove();
  runs.forEach((each, i) => showCard(each, i));
  at("runs").hidden = false;
}

const share = (told) => (told.state === "done" ? 1 : told.num_steps ? Math.min(1, told.step / told.num_steps) : 0);

function showCard(told, place) {
  if (!cards.has(told.run)) cards.set(told.run, card(told));
  const item = cards.get(told.run), [image, , state, bar] = item.firstChild.children;
  if (told.picture) show(image, picture(told.run, told.picture));
  const text = told.state === "running" && told.left != null ? `${told.step} of ${told.num_steps}` : told.state;
  if (state.textContent !== text) state.textContent = text;
  state.className = `state ${told.state}`;
  bar.className = told.state;
  bar.value = share(told);
  item.firstChild.title = told.why ?? "";
  if (at("cards").children[place] !== item) at("cards").insertBefore(item, at("cards").children[place] ?? null);
}

function card(told) {
  const item = document.createElement("li"), link = document.createElement("a");
  link.href = `#${told.run}`;
  const [image, name, state, bar] = ["img", "div", "span", "progress"].map((tag) => document.createElement(tag));
  image.alt = "";
  name.className = "name";
  name.textContent = told.name;
  bar.setAttribute("aria-label", "Steps done");
  link.append(image, name, state, bar);
  item.append(link);
  return item;
}

function showRun() {
  const { told } = run;
  const waits = told.state === "waiting" ? "waiting for the first step" : told.state;
  const quiet = told.state === "running" && told.heard > 10 ? `, last heard ${clock(told.heard)} ago` : "";
  head(told.name, told.state, waits + quiet, told.why ?? "");
  at("done").className = told.state;
  at("done").value = share(told);
  say("step", told.num_steps ? `${count(told.step)} / ${count(told.num_steps)}` : "–");
  say("left", told.left == null ? "–" : clock(told.left));
  say("pace", told.pace == null ? "–" : told.pace < 1 ? `${(1 / told.pace).toFixed(1)} s/step` : `${told.pace.toFixed(1)} /s`);
  say("worked", told.seconds == null ? "–" : clock(told.seconds));
  at("source").hidden = !told.exemplar;
  at("picture").hidden = !pictures().length;
  at("losses").hidden = !run.rows.length;
  if (told.exemplar) show(at("exemplar"), picture(run.key, ["exemplar.png", told.exemplar]));
  at("run").hidden = false;
  showPicture();
  chart(run);
}

// The picture, and the snapshots to be gone through

const pictures = () => {
  const shots = run.shots.map(([step, version]) => ({ step, label: `step ${count(step)}`, file: fileOf(step), version }));
  const [file, version] = run.told.picture ?? [];
  return file === "result.png" ? [...shots, { step: run.told.step, label: "result", file, version }] : shots;
};
const fileOf = (step) => `steps/${String(step).padStart(6, "0")}.png`;

function showPicture() {
  const all = pictures(), last = all.length - 1;
  const place = run.chosen === null ? last : Math.min(run.chosen, last);
  const scrub = at("scrub");
  scrub.max = Math.max(0, last);
  scrub.value = Math.max(0, place);
  scrub.disabled = last < 1;
  at("newest").disabled = place === last;
  if (last < 0) return;
  const { label, file, version } = all[place], address = picture(run.key, [file, version]);
  show(at("shown"), address);
  at("shown").alt = `The picture: ${label}`;
  scrub.setAttribute("aria-valuetext", label);
  say("label", label);
  at("save").href = address;
  at("save").download = `${run.told.name.replaceAll("/", "-")}-${label.replaceAll(/\s/g, "")}.png`;
}

function show(image, address) { // nothing flickers: what was there stays until the new one is decoded
  if (image.dataset.wanted === address && image.src) return;
  image.dataset.wanted = address;
  const next = new Image();
  next.src = address;
  next.decode().then(() => {
    if (image.dataset.wanted !== address) return;
    image.src = address;
    image.style.aspectRatio = image.id === "shown" ? `${next.naturalWidth} / ${next.naturalHeight}` : "";
    image.classList.toggle("enlarged", next.naturalWidth < image.clientWidth * devicePixelRatio);
  }, () => {}); // gone this very moment
}

// The curves

function chart({ rows, names, step: until }) {
  const svg = at("chart"), { width, height } = svg.getBoundingClientRect();
  const values = rows.flatMap((row) => names.map((name) => row[name])).filter((value) => value > 0);
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  if (!values.length || !width) return at("legend").replaceChildren();
  const low = Math.log10(values.reduce((a, b) => Math.min(a, b))), high = Math.log10(values.reduce((a, b) => Math.max(a, b)));
  const pad = Math.max(0.05 * (high - low), 0.1), [bottom, top] = [low - pad, high + pad];
  const x = (step) => MARGIN.left + (step / Math.max(1, until)) * (width - MARGIN.left - MARGIN.right);
  const y = (exponent) => MARGIN.top + ((top - exponent) / (top - bottom)) * (height - MARGIN.top - MARGIN.bottom);
  axes(svg, x, y, { until, bottom, top, width, height });
  const shown = pictures()[at("scrub").value]?.step;
  if (shown) svg.append(node("line", { class: "here", x1: x(shown), x2: x(shown), y1: MARGIN.top, y2: height - MARGIN.bottom }));
  for (const i of [...names.keys()].reverse()) svg.append(curve(rows, names[i], i, x, y)); // the loss, dashed, above its terms
  legend(names, rows, shown);
}

function axes(svg, x, y, { until, bottom, top, width, height }) {
  const every = Math.max(1, Math.ceil((top - bottom) / 5));
  const ticks = [];
  for (let e = Math.ceil(bottom); e <= top; e++) if (e % every === 0) ticks.push([e, power(e)]);
  if (ticks.length < 2) ticks.splice(0, 9, ...[0.15, 0.5, 0.85].map((t) => bottom + t * (top - bottom)).map((e) => [e, label(e)]));
  for (const [e, text] of ticks) {
    svg.append(node("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(e), y2: y(e) }));
    svg.append(node("text", { x: MARGIN.left - 6, y: y(e) + 4, "text-anchor": "end" }, text));
  }
  for (const [step, anchor] of [[0, "start"], [Math.floor(until / 2), "middle"], [until, "end"]])
    svg.append(node("text", { x: x(step), y: height - 5, "text-anchor": anchor }, step ? count(step) : "step 0"));
}

const power = (exponent) => `10${String(exponent).replace("-", "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit])}`;
const label = (exponent) => (10 ** exponent).toPrecision(2).replace("e+", "e");

function curve(rows, name, i, x, y) {
  let path = "", pen = "M";
  for (const row of rows) {
    if (!(row[name] > 0)) { pen = "M"; continue; } // nothing, or what has no logarithm
    path += `${pen}${x(row.step).toFixed(1)} ${y(Math.log10(row[name])).toFixed(1)}`;
    pen = "L";
  }
  const found = node("path", { d: path, class: name });
  found.style.stroke = `var(--curve-${i % CURVES})`;
  return found;
}

function legend(names, rows, step) {
  const row = rows.findLast((each) => each.step <= (step ?? Infinity)) ?? rows[0];
  at("legend").replaceChildren(...names.map((name, i) => {
    const item = document.createElement("li"), value = document.createElement("b");
    item.className = name;
    item.style.setProperty("--curve", `var(--curve-${i % CURVES})`);
    value.textContent = brief(row[name]);
    item.append(name === "loss" ? "loss, best so far" : name, value);
    return item;
  }));
  const told = names.map((name) => `${name} ${brief(row[name])}`).join(", ");
  at("chart").setAttribute("aria-label", `Loss by step; at step ${row.step}: ${told}`);
}

function node(name, attributes, text = "") {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.textContent = text;
  return found;
}

// Hands

function choose(place) {
  run.chosen = place;
  showPicture();
  chart(run);
}

async function stop() {
  if (!confirm("Stop? What is made is saved, and the same command goes on from there.")) return;
  const answer = await fetch("stop", { method: "POST" }).catch(() => null);
  stopping = Boolean(answer?.ok);
  poll();
}

at("scrub").addEventListener("input", () => choose(at("scrub").value === at("scrub").max ? null : Number(at("scrub").value)));
at("newest").addEventListener("click", () => choose(null));
at("stop").addEventListener("click", stop);
at("all").addEventListener("click", () => open(""));
addEventListener("hashchange", () => open(location.hash.slice(1)));
addEventListener("resize", () => run?.told && showRun());
document.addEventListener("visibilitychange", () => document.hidden || poll());

open(location.hash.slice(1));
