// Changes to elements of the live page.

export const byId = (id) => document.getElementById(id);

// Sets a text only if it differs, or a screen reader would repeat it.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Shows a text and a command, which breaks between its words only; an empty text hides both.
export function showNotice(text, command = []) {
  const notice = byId("notice");
  notice.hidden = !text;
  if (notice.textContent === [text, ...command].join(" ")) return;
  notice.replaceChildren(text, ...command.flatMap((word) => [" ", createCode(word)]));
}

function createCode(text) {
  const code = document.createElement("code");
  code.textContent = text;
  return code;
}

// Replaces an image once the new one is decoded, so that nothing flickers.
export function showImage(image, url) {
  if (image.dataset.url === url && image.src) return;
  image.dataset.url = url;
  const next = new Image();
  next.src = url;
  next.decode().then(() => {
    if (image.dataset.url !== url) return; // another one was requested meanwhile
    image.src = url;
    image.style.aspectRatio = image.id === "shown" ? `${next.naturalWidth} / ${next.naturalHeight}` : "";
    image.classList.toggle("enlarged", next.naturalWidth < image.clientWidth * devicePixelRatio);
  }, () => {}); // the file was removed meanwhile
}
