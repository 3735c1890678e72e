// Elements. Names of runs and layers come from outside and are only ever set as text, never as markup.

/** An element with properties (or, with a dash or role, attributes), and children that are nodes or text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Sets a text unless it stands there already, which spares the browser a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The options of a select, kept as they are where nothing changed. */
export function setOptions(select, options, chosen) {
  const key = JSON.stringify(options);
  if (select.dataset.key !== key) {
    select.replaceChildren(...options.map(([value, text]) => make("option", { value, textContent: text })));
    select.dataset.key = key;
  }
  select.value = chosen;
}

/** A table's head and body out of texts; the first column heads its row. */
export function fillTable(table, columns, rows) {
  const head = make("tr", {}, ...columns.map((text) => make("th", { scope: "col", textContent: text })));
  const body = rows.map((texts) => make("tr", {}, ...texts.map((text, i) =>
    i === 0 ? make("th", { scope: "row", textContent: text }) : make("td", { textContent: text }))));
  table.tHead ? table.tHead.replaceChildren(head) : table.append(make("thead", {}, head));
  table.tBodies.length ? table.tBodies[0].replaceChildren(...body) : table.append(make("tbody", {}, ...body));
}

/** A chart's figures as a table that can be opened beneath it. `read` gives {columns, rows} when it is wanted. */
export function dataTable(title, read) {
  const table = make("table", {}, make("caption", { textContent: title }));
  const scroll = make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": `${title}: data` }, table);
  const details = make("details", { className: "data" }, make("summary", { textContent: "Data table" }), scroll);
  details.refresh = () => {
    if (!details.open) return;
    const { columns, rows } = read();
    fillTable(table, columns, rows);
  };
  details.addEventListener("toggle", details.refresh);
  return details;
}
