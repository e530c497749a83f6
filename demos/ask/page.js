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
// An image that is pasted anywhere in the page, in place of the one that is shown.
document.addEventListener("paste", async (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((found) => found.type.startsWith("image/"));
  // Text processors add an image of the text.
  if (!file || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  if (document.querySelector("#image img")) document.querySelector("#image .icon-button-wrapper button")?.click();
  for (let tries = 0; tries < 50 && !document.querySelector("#image input[type=file]"); tries++) await new Promise((done) => setTimeout(done, 100));
  const input = document.querySelector("#image input[type=file]");
  if (!input) return;
  const data = new DataTransfer();
  data.items.add(file);
  input.files = data.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});
// Paper is white.
let wasDark = false;
window.addEventListener("beforeprint", () => {
  wasDark = document.body.classList.contains("dark");
  document.body.classList.remove("dark");
});
window.addEventListener("afterprint", () => document.body.classList.toggle("dark", wasDark));
