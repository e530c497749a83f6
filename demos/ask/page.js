// Direction and language of the whole page, which Gradio does not set.
window.pcultDirection = (code, right) => {
  document.documentElement.lang = code;
  document.documentElement.dir = right ? "rtl" : "ltr";
  try { localStorage.setItem("pcult-language", code); } catch { /* no storage: the next visit begins anew */ }
};
window.pcultLanguages = () => {
  let kept = null;
  try { kept = localStorage.getItem("pcult-language"); } catch { /* no storage */ }
  return [new URLSearchParams(location.search).get("lang"), kept, ...navigator.languages].filter(Boolean).join(",");
};
// Names for screen readers, tooltips and messages that Gradio has in English only, with the texts to show in their place.
const NAMES = {
  "Remove Image": "remove_image", "Upload file": "image_hint", "File upload": "image_hint",
  "Drop an image file here to upload": "image_hint", "Capture from camera": "camera", "Paste from clipboard": "clipboard",
  "Copy": "code", "Clear": "clear", "chatbot conversation": "answers",
};
const PARTS = [[/^Thumbnail (\d+) of (\d+)$/, "image", " $1 / $2"], [/^user's message: /, "question", ": "], [/^bot's message: /, "answers", ": "]];
const MESSAGES = [[/exceed/, "file_large"], [/file type/, "unreadable"], [/queue|busy/i, "busy"], [/./, "down"]];
const translated = (text, name) => {
  if (Object.hasOwn(NAMES, name)) return text[NAMES[name]];
  const found = PARTS.find(([pattern]) => pattern.test(name));
  return found && name.replace(found[0], () => text[found[1]] + name.match(found[0])[0].replace(found[0], found[2]));
};
const named = new WeakMap();
const rename = (text, part, attribute) => {
  const known = named.get(part) ?? {}, shown = part.getAttribute(attribute);
  const { original, set } = known[attribute] ?? {};
  const name = shown === set ? original : shown, wanted = translated(text, name);
  if (wanted && wanted !== shown) {
    named.set(part, { ...known, [attribute]: { original: name, set: wanted } });
    part.setAttribute(attribute, wanted);
  }
};
window.pcultLive = () => {
  for (const part of document.querySelectorAll(".live:not([role])")) {
    part.setAttribute("role", "status");
    part.setAttribute("aria-live", "polite");
  }
  for (const part of document.querySelectorAll(".chat .bubble-wrap:not([tabindex])")) part.tabIndex = 0;
  for (const part of document.querySelectorAll(".chat [role=complementary]")) part.removeAttribute("role");
  const text = JSON.parse(document.querySelector("#texts")?.dataset.texts ?? "null");
  if (!text) return;
  for (const attribute of ["aria-label", "title"]) {
    for (const part of document.querySelectorAll(`[${attribute}]`)) rename(text, part, attribute);
  }
  const messages = "[data-testid=toast-text], [data-testid=status-tracker] .error";
  for (const part of document.querySelectorAll(`:is(${messages}):not([lang])`)) {
    part.lang = document.documentElement.lang;
    part.textContent = text[MESSAGES.find(([pattern]) => pattern.test(part.textContent))?.[1] ?? "down"];
  }
};
let isWaiting = false;
new MutationObserver(() => {
  if (isWaiting) return;
  isWaiting = true;
  setTimeout(() => { isWaiting = false; window.pcultLive(); }, 50);
}).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-label", "title"] });
document.addEventListener("keydown", (event) => {
  // Escape in a list closes the list.
  if (event.key === "Escape" && !event.target.closest?.("[role=combobox], [role=listbox]")) document.querySelector("#stop")?.click();
});
