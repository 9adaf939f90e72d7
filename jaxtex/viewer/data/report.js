"use strict";
const all = (query, root = document) => [...root.querySelectorAll(query)];

// A picture is in the page once; wherever it stands again it is named.
const uri = (place) => document.getElementById(place.dataset.as).src;
all("img[data-as]").forEach((image) => { image.src = uri(image); });
all("image[data-as]").forEach((image) => image.setAttribute("href", uri(image)));

// 2 x 2, drawn when it is first seen: on a canvas no seam comes from the browser.
async function tile(canvas) {
  const image = document.getElementById(canvas.dataset.as);
  await image.decode();
  const [width, height] = [canvas.width / 2, canvas.height / 2];
  for (const x of [0, width]) for (const y of [0, height]) canvas.getContext("2d").drawImage(image, x, y);
}
const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
  seen.unobserve(entry.target);
  tile(entry.target);
}), { rootMargin: "400px" });
all("canvas[data-as]").forEach((canvas) => seen.observe(canvas));

// The slider; the picture itself can be pulled, too.
for (const figure of all(".compare")) {
  const slider = figure.querySelector("input"), view = figure.querySelector("svg");
  const show = () => {
    figure.querySelector(".left").setAttribute("width", `${slider.value}%`);
    all(".edge", figure).forEach((edge) => ["x1", "x2"].forEach((end) => edge.setAttribute(end, `${slider.value}%`)));
  };
  const pull = (event) => {
    const box = view.getBoundingClientRect();
    slider.value = 100 * (event.clientX - box.left) / box.width;
    show();
  };
  slider.addEventListener("input", show);
  view.addEventListener("pointerdown", (event) => { view.setPointerCapture(event.pointerId); pull(event); });
  view.addEventListener("pointermove", (event) => event.buttons && pull(event));
  show();
}

// Sorting: numbers as such, what has none last, both ways.
function order(column, descending) {
  const body = document.querySelector("tbody");
  const value = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)], [p, q] = [parseFloat(x), parseFloat(y)];
    const missing = (x === "" || x === "nan") - (y === "" || y === "nan");
    if (missing) return missing;
    return (descending ? -1 : 1) * (isNaN(x) || isNaN(y) ? x.localeCompare(y, undefined, { numeric: true }) : p - q);
  };
  body.append(...[...body.rows].sort(compare));
}
for (const head of all("th[aria-sort]")) {
  head.querySelector("button").addEventListener("click", () => {
    const descending = head.ariaSort === "ascending";
    all("th[aria-sort]").forEach((other) => { other.ariaSort = "none"; });
    head.ariaSort = descending ? "descending" : "ascending";
    order(head.cellIndex, descending);
  });
}

// A link to a run opens it.
const open = () => {
  const run = location.hash && document.getElementById(location.hash.slice(1))?.closest("details");
  if (run) { run.open = true; run.scrollIntoView(); }
};
addEventListener("hashchange", open);
all('a[href^="#run-"]').forEach((link) => link.addEventListener("click", () => setTimeout(open)));
open();

// One picture over the whole window: buttons, + and -, the wheel, pulled by the pointer.
const dialog = document.querySelector("dialog"), stage = dialog.querySelector(".stage"), zoomed = new Image();
stage.append(zoomed);
let scale = 1;
function zoom(to, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const before = scale, [left, top] = [stage.scrollLeft, stage.scrollTop];
  scale = Math.min(32, Math.max(1 / 8, to));
  zoomed.style.width = `${zoomed.naturalWidth * scale}px`;
  zoomed.className = scale > 1 ? "small" : "";
  dialog.querySelector("output").textContent = `${Math.round(100 * scale)} %`;
  stage.scrollTo((left + x) * scale / before - x, (top + y) * scale / before - y);
}
async function enlarge(button) {
  const shown = button.firstElementChild;
  zoomed.src = shown.src ?? shown.toDataURL();
  zoomed.alt = shown.alt ?? shown.ariaLabel;
  dialog.querySelector(".title").textContent = zoomed.alt;
  await zoomed.decode();
  dialog.showModal();
  stage.focus();
  const fits = Math.min(stage.clientWidth / zoomed.naturalWidth, stage.clientHeight / zoomed.naturalHeight);
  zoom(fits >= 1 ? Math.floor(fits) : fits);
}
all(".zoom").forEach((button) => button.addEventListener("click", () => enlarge(button)));
all("[data-by]", dialog).forEach((button) => button.addEventListener("click", () => zoom(scale * button.dataset.by)));
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
  if (event.buttons && event.pointerType === "mouse") stage.scrollBy(-event.movementX, -event.movementY);
});
zoomed.draggable = false;
