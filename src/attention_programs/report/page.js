"use strict";
(() => {
  const table = document.getElementById("heads-table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({ row, text: row.textContent.toLowerCase(), iou: Number(row.cells[2].dataset.value) }));
  const find = document.getElementById("find");
  const least = document.getElementById("least");
  const count = document.getElementById("count");

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text, iou } of rows) {
      row.hidden = !(words.every((word) => text.includes(word)) && !(iou < Number(least.value)));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} heads`;
  };

  const compare = (a, b, column) => {
    const [x, y] = [a.row.cells[column].dataset.value, b.row.cells[column].dataset.value];
    const [p, q] = [Number(x), Number(y)];
    if (x === "nan" || y === "nan") return (x === "nan") - (y === "nan");
    return Number.isNaN(p) || Number.isNaN(q) ? x.localeCompare(y, "en", { numeric: true }) : p - q;
  };

  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", column === 0 ? "ascending" : "none");
    button.addEventListener("click", () => {
      const up = column < 2;
      const order = header.getAttribute("aria-sort") === (up ? "ascending" : "descending") ? !up : up;
      headers.forEach((other) => other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", order ? "ascending" : "descending");
      rows.sort((a, b) => (order ? compare(a, b, column) : compare(b, a, column)));
      body.append(...rows.map(({ row }) => row));
    });
  });

  const controls = document.getElementById("controls");
  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", filter);
  filter();
})();
