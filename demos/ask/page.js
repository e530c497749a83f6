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
window.pcultLive = () => {
  for (const part of document.querySelectorAll(".live")) {
    part.setAttribute("role", "status");
    part.setAttribute("aria-live", "polite");
  }
};
document.addEventListener("keydown", (event) => {
  // Escape in a list closes the list.
  if (event.key === "Escape" && !event.target.closest?.("[role=combobox], [role=listbox]")) document.querySelector("#stop")?.click();
});
