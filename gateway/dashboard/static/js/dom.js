/* A description of the page becomes the page: what is there and still fits stays, so focus and scroll survive a redraw. */

const SVG = "http://www.w3.org/2000/svg";
const AS_PROPERTY = new Set(["value", "checked", "disabled", "open", "selected"]);

/** One element: tag, properties, children; null and false are left out. `key` keeps its identity among its siblings. */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, key: props?.key, children: children.flat(Infinity).filter(shown).map(node) };
}

/** Make the children of `root` what `children` describe. */
export function draw(root, children) {
  fit(root, [children].flat(Infinity).filter(shown).map(node), null);
}

function shown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

function node(child) {
  return typeof child === "object" ? child : { text: String(child) };
}

function fit(parent, wanted, space) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (child.$key !== undefined) keyed.set(child.$key, child);
  let at = parent.firstChild;
  for (const want of wanted) {
    let found = want.key !== undefined ? keyed.get(want.key) : at;
    if (!fits(found, want)) found = make(want, space);
    if (found === at) at = at.nextSibling;
    else parent.insertBefore(found, at);
    update(found, want, space);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function fits(found, want) {
  if (!found || found.$key !== want.key) return false;
  return want.text !== undefined ? found.nodeType === 3 : found.$tag === want.tag;
}

function make(want, space) {
  if (want.text !== undefined) return document.createTextNode(want.text);
  const inside = want.tag === "svg" ? SVG : space;
  const made = inside ? document.createElementNS(inside, want.tag) : document.createElement(want.tag);
  made.$tag = want.tag;
  made.$key = want.key;
  made.$props = {};
  return made;
}

function update(element, want, space) {
  if (want.text !== undefined) {
    if (element.data !== want.text) element.data = want.text;
    return;
  }
  const before = element.$props;
  const fresh = !element.$made;
  element.$made = true;
  for (const name of Object.keys(before)) if (!(name in want.props)) set(element, name, null, before[name]);
  for (const [name, value] of Object.entries(want.props)) {
    if (before[name] !== value && !["key", "mounted", "own"].includes(name)) set(element, name, value, before[name]);
  }
  element.$props = want.props;
  if (!want.props.own) fit(element, want.children, want.tag === "svg" ? SVG : space);
  if (fresh && want.props.mounted) queueMicrotask(() => want.props.mounted(element));
}

function set(element, name, value, before) {
  if (name.startsWith("on")) element[name] = value;
  else if (name === "style") place(element, value ?? {}, before ?? {});
  else if (AS_PROPERTY.has(name)) element[name] = value ?? (name === "value" ? "" : false);
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

/* Through the style object, which the content policy allows, unlike a style attribute. */
function place(element, wanted, before) {
  for (const name of Object.keys(before)) if (!(name in wanted)) element.style.removeProperty(name);
  for (const [name, value] of Object.entries(wanted)) if (before[name] !== value) element.style.setProperty(name, value);
}
