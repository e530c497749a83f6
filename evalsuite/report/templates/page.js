// The chart of the same specification takes the place of each SVG. Vega's interpreter needs no `unsafe-eval`.
const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true } };

async function draw(figure) {
  const specification = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  const place = document.createElement("div");
  const plot = figure.querySelector(".plot");
  plot.append(place);
  try {
    await vegaEmbed(place, specification, options);
    plot.querySelector(":scope > svg").remove();
  } catch {
    place.remove();
  }
}

// A chart is drawn when it comes into view, so that long pages open at once.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((entry) => entry.isIntersecting)) {
    seen.unobserve(entry.target);
    draw(entry.target);
  }
});
document.querySelectorAll("figure[data-chart]").forEach((figure) => seen.observe(figure));

function sort(table, column, descending) {
  const value = (row) => row.cells[column].textContent.trim();
  const number = (text) => Number.parseFloat(text.replaceAll(",", ""));
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [number(value(a)), number(value(b))];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || value(a).localeCompare(value(b));
    return x - y;
  });
  body.append(...(descending ? rows.reverse() : rows));
}

document.querySelectorAll("table.sortable").forEach((table) => {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending);
    });
  });
});
