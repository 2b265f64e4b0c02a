/**
 * Owns drawing: elements as plain values, and changing what is there into what should be there.
 *
 * Elements stay the same objects wherever they can, so focus, scrolling and what is typed survive. Nothing is ever
 * parsed as HTML, so this runs under the strictest Content-Security-Policy and Trusted Types.
 */

/** @typedef {{ kind: string, tag: string, props: Record<string, any>, children: Child[] }} Drawn */
/** @typedef {Drawn | string} Child */

/**
 * @param {string} what A tag, and after a dot the names by which the page may style it: `button.day day-free`.
 * @param {...any} children Their first may be properties: names that begin with `on` are listeners, `key` tells
 *   siblings of one kind apart that come and go. What is false or empty is left out.
 * @returns {Drawn}
 */
export function h(what, ...children) {
  const [kind = ""] = what.split(" ");
  const [tag = "", part] = what.split(".");
  const props = children[0]?.constructor === Object && !children[0].tag ? children.shift() : {};
  return { kind, tag, props: { part, class: part, ...props }, children: children.flat(9).filter(Boolean) };
}

/**
 * Makes *wanted* the children of *parent*.
 *
 * @param {Node} parent
 * @param {Child[]} wanted
 */
export function patch(parent, wanted) {
  const before = /** @type {any[]} */ ([...parent.childNodes]);
  /** @type {Record<string, number>} How many of a kind there were: the third of them stays the third. */
  const seen = {};
  const nodes = wanted.map((child) => {
    const { kind, tag, props, children } = typeof child === "string" ? /** @type {Drawn} */ ({ kind: "", props: {} }) : child;
    const name = `${kind} ${props.key ?? (seen[kind] = (seen[kind] ?? 0) + 1)}`;
    const node = before.find(({ drawn }) => drawn === name) ?? (tag ? document.createElement(tag) : new Text());
    node.drawn = name;
    if (tag) {
      change(node, props);
      patch(node, children);
      // A select takes its value only once it has its options.
      if ("value" in props && node.value !== props.value) node.value = props.value;
    } else if (node.data !== child) {
      node.data = child;
    }
    return node;
  });
  for (const node of before) if (!nodes.includes(node)) node.remove();
  nodes.forEach((node, place) => {
    const there = parent.childNodes[place] ?? null;
    if (there !== node) parent.insertBefore(node, there);
  });
}

/**
 * @param {any} element
 * @param {Record<string, any>} props
 */
function change(element, props) {
  for (const name of element.getAttributeNames()) if (props[name] == null) element.removeAttribute(name);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element[name] = value;
    else if (!/key|value/.test(name) && value != null && element.getAttribute(name) !== `${value}`) element.setAttribute(name, value);
  }
}
