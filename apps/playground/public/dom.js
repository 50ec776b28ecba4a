/** The little that the page needs to build and update its elements. Text is only ever set as text. */

/** `make('a', { class: 'x', href: '/' }, 'text', otherElement)`; attributes that are null are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** Touches the document only when something changes, so that a selection survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Makes the children of an element stand for the items, in their order: those that stay are updated in place, so that
 * focus and animations survive.
 *
 * @param {(item) => string} keyOf
 * @param {(item) => Element} create
 * @param {(element: Element, item) => void} update
 */
export function reconcile(parent, items, keyOf, create, update) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = present.get(key);
    present.delete(key);
    if (child === undefined) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of present.values()) child.remove();
}
