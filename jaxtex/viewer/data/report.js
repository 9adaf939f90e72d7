"use strict";
// The report: comparison sliders, tiled pictures, sorting, and enlarged pictures.

const MIN_SCALE = 1 / 8, MAX_SCALE = 32; // of an enlarged picture
const all = (query, root = document) => [...root.querySelectorAll(query)];

// Each picture is embedded once; other elements name it by id.
const uri = (element) => document.getElementById(element.dataset.picture).src;
all("img[data-picture]").forEach((image) => { image.src = uri(image); });
all("image[data-picture]").forEach((image) => image.setAttribute("href", uri(image)));

// Draws a picture 2 x 2 on a canvas, where the browser adds no seam.
async function tile(canvas) {
  const image = document.getElementById(canvas.dataset.picture);
  await image.decode();
  const context = canvas.getContext("2d");
  for (const x of [0, canvas.width / 2]) {
    for (const y of [0, canvas.height / 2]) context.drawImage(image, x, y);
  }
}

// Tiles are drawn when they come near the window.
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    observer.unobserve(entry.target);
    tile(entry.target);
  }
}, { rootMargin: "400px" });
all("canvas[data-picture]").forEach((canvas) => observer.observe(canvas));

// Comparison: the slider and dragging on the picture move the edge.
for (const figure of all(".compare")) {
  const slider = figure.querySelector("input"), view = figure.querySelector("svg");

  const show = () => {
    const percent = `${slider.value}%`;
    figure.querySelector(".left").setAttribute("width", percent);
    for (const edge of all(".edge", figure)) {
      edge.setAttribute("x1", percent);
      edge.setAttribute("x2", percent);
    }
  };
  const drag = (event) => {
    const box = view.getBoundingClientRect();
    slider.value = 100 * (event.clientX - box.left) / box.width;
    show();
  };

  slider.addEventListener("input", show);
  view.addEventListener("pointerdown", (event) => {
    view.setPointerCapture(event.pointerId);
    drag(event);
  });
  view.addEventListener("pointermove", (event) => event.buttons && drag(event));
  show();
}

// Sorts the table of runs; runs without a value come last in both directions.
function sort(column, descending) {
  const body = document.querySelector("tbody");
  const value = (row) => row.cells[column].dataset.value;
  const isMissing = (text) => text === "" || text === "nan";

  const compare = (first, second) => {
    const x = value(first), y = value(second);
    if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y);
    const isText = isNaN(x) || isNaN(y);
    const order = isText ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
    return descending ? -order : order;
  };
  body.append(...[...body.rows].sort(compare));
}

for (const head of all("th[aria-sort]")) {
  head.querySelector("button").addEventListener("click", () => {
    const descending = head.ariaSort === "ascending";
    all("th[aria-sort]").forEach((other) => { other.ariaSort = "none"; });
    head.ariaSort = descending ? "descending" : "ascending";
    sort(head.cellIndex, descending);
  });
}

// A link to a run opens its section.
function openLinked() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const section = target ? target.closest("details") : null;
  if (!section) return;
  section.open = true;
  section.scrollIntoView();
}
addEventListener("hashchange", openLinked);
all('a[href^="#run-"]').forEach((link) => link.addEventListener("click", () => setTimeout(openLinked)));
openLinked();

// Enlarged picture over the whole window: buttons, + and -, the wheel, dragging.
const dialog = document.querySelector("dialog"), stage = dialog.querySelector(".stage");
const zoomed = new Image();
zoomed.draggable = false;
stage.append(zoomed);
let scale = 1;

// Scales the picture and keeps the point at x, y of the stage in place.
function zoom(wanted, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const before = scale, left = stage.scrollLeft, top = stage.scrollTop;
  scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, wanted));
  zoomed.style.width = `${zoomed.naturalWidth * scale}px`;
  zoomed.className = scale > 1 ? "small" : "";
  dialog.querySelector("output").textContent = `${Math.round(100 * scale)} %`;
  stage.scrollTo((left + x) * scale / before - x, (top + y) * scale / before - y);
}

async function enlarge(button) {
  const shown = button.firstElementChild; // an image or a canvas
  zoomed.src = shown.src ?? shown.toDataURL();
  zoomed.alt = shown.alt ?? shown.ariaLabel;
  dialog.querySelector(".title").textContent = zoomed.alt;
  await zoomed.decode();
  dialog.showModal();
  stage.focus();
  const fit = Math.min(stage.clientWidth / zoomed.naturalWidth, stage.clientHeight / zoomed.naturalHeight);
  zoom(fit >= 1 ? Math.floor(fit) : fit);
}

all(".zoom").forEach((button) => button.addEventListener("click", () => enlarge(button)));
all("[data-factor]", dialog).forEach((button) => {
  button.addEventListener("click", () => zoom(scale * button.dataset.factor));
});
dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if ("+=".includes(event.key)) zoom(2 * scale);
  if (event.key === "-") zoom(scale / 2);
});
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = stage.getBoundingClientRect();
  zoom(scale * 2 ** (-Math.sign(event.deltaY) / 4), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
stage.addEventListener("pointermove", (event) => {
  const drags = event.buttons && event.pointerType === "mouse";
  if (drags) stage.scrollBy(-event.movementX, -event.movementY);
});
