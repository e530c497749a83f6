
"use strict";
const KEY = "pcult-templates-" + document.body.dataset.name;
const rows = [...document.querySelectorAll("tr.line")];
const get = (id) => document.getElementById(id);
const box = (row) => row.querySelector("input[type=checkbox]");
const field = (row) => row.querySelector("input[type=text]");
const content = (row) => row.querySelector(".text > p:first-child, .filled").textContent.trim();

function stored() {
  // Browsers can forbid storage; then marks last until the page is closed.
  try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; }
}

function marked() {
  return rows.filter((row) => box(row).checked);
}

function list() {
  return marked().map((row) => `${row.id}: ${field(row).value.trim() || "?"}`).join("\n");
}

function show() {
  rows.forEach((row) => row.classList.toggle("wrong", box(row).checked));
  get("mark-count").textContent = marked().length;
  get("list").value = list();
}

function filter() {
  const unsure = get("only-unsure").checked, wrong = get("only-marked").checked;
  rows.forEach((row) => {
    row.hidden = (unsure && !row.classList.contains("unsure")) || (wrong && !box(row).checked);
  });
  document.querySelectorAll("section:not(#result), .block").forEach((part) => {
    part.hidden = !part.querySelector("tr.line:not([hidden])");
  });
}

function save() {
  const marks = Object.fromEntries(marked().map((row) => [row.id, { correction: field(row).value, text: content(row) }]));
  try { localStorage.setItem(KEY, JSON.stringify(marks)); } catch { /* see stored() */ }
  get("copied").textContent = "";
  show();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(list());
  } catch {
    get("list").select();
    document.execCommand("copy");
  }
  const count = marked().length;
  get("copied").textContent = count ? `Copied ${count} ${count === 1 ? "line" : "lines"}.` : "There are no corrections.";
}

const marks = stored();
rows.forEach((row) => {
  const mark = marks[row.id];
  // A text that was changed since is a new one.
  if (mark && mark.text === content(row)) {
    box(row).checked = true;
    field(row).value = mark.correction;
  }
  box(row).addEventListener("change", save);
  field(row).addEventListener("input", () => {
    box(row).checked = box(row).checked || field(row).value.trim() !== "";
    save();
  });
});
const unsure = document.querySelectorAll("tr.unsure").length;
get("unsure-count").textContent = unsure;
get("only-unsure").disabled = unsure === 0;
get("only-unsure").addEventListener("change", filter);
get("only-marked").addEventListener("change", filter);
get("copy").addEventListener("click", copy);
show();
