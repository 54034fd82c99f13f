// What a page has to be, whoever looks at it. Each function answers with a list of complaints.

const name = (element) => {
  const id = element.id ? `#${element.id}` : element.name ? `[name=${element.name}]` : "";
  const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
  return `<${element.localName}${id}> ${text}`.trim();
};

const isSeen = (element) => {
  if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const box = element.getBoundingClientRect();
  return box.width > 1 && box.height > 1;
};

// --- How it is built -------------------------------------------------------------------------------------------

const labelOf = (field) =>
  field.getAttribute("aria-label")
  || (field.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join("")
  || [...(field.labels ?? [])].map((label) => label.textContent).join("")
  || field.title;

const nameOf = (element) => labelOf(element) || element.textContent || element.querySelector("img[alt]")?.alt || "";

function structure() {
  const amiss = [];
  if (!document.documentElement.lang) amiss.push("no language");
  if (!document.title.trim()) amiss.push("no title");
  const headings = document.querySelectorAll("h1");
  if (headings.length !== 1) amiss.push(`${headings.length} headings of the first level`);
  if (document.querySelectorAll("main").length !== 1) amiss.push("not one main part");
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!labelOf(field).trim()) amiss.push(`no label: ${name(field)}`);
  for (const control of document.querySelectorAll("a[href], button"))
    if (!nameOf(control).trim()) amiss.push(`no name: ${control.outerHTML.slice(0, 120)}`);
  for (const image of document.querySelectorAll("img:not([alt])")) amiss.push(`no text for ${image.src}`);
  const seen = new Set();
  for (const { id } of document.querySelectorAll("[id]")) {
    if (seen.has(id)) amiss.push(`twice the id ${id}`);
    seen.add(id);
  }
  return amiss;
}

// --- How wide it is --------------------------------------------------------------------------------------------

function overflow() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) => {
    for (let around = element.parentElement; around; around = around.parentElement)
      if (around !== document.body && getComputedStyle(around).overflowX !== "visible") return true;
    return false;
  };
  const out = [...document.querySelectorAll("body *")].filter(
    (element) => isSeen(element) && element.getBoundingClientRect().right > width + 1 && !scrolls(element));
  return [`${document.documentElement.scrollWidth} wide in ${width}`, ...out.slice(0, 5).map(name)];
}

// --- How it can be read ----------------------------------------------------------------------------------------

const LEAST = 4.5;

const colour = (text) => {
  const [r, g, b, a = 1] = (text.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const scale = text.startsWith("color(") ? 255 : 1;
  return { rgb: [r * scale, g * scale, b * scale], a };
};

const over = (top, below) => top.rgb.map((part, i) => part * top.a + below[i] * (1 - top.a));

const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const one = colour(getComputedStyle(at).backgroundColor);
    if (one.a > 0) layers.push(one);
    if (one.a === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};

const light = (rgb) => {
  const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

// Formula: WCAG 2.2, "contrast ratio".
const ratio = (one, other) => {
  const [high, low] = [light(one), light(other)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

function contrast() {
  const amiss = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !isSeen(element) || element.closest("[disabled], fieldset:disabled, option")) continue;
    const below = behind(element);
    const found = ratio(over(colour(getComputedStyle(element).color), below), below);
    if (found < LEAST) amiss.push(`${found.toFixed(1)}: ${name(element)}`);
  }
  return [...new Set(amiss)];
}

// --- Where one is ----------------------------------------------------------------------------------------------

const looks = (element) => {
  for (const change of element.getAnimations()) change.finish();
  const style = getComputedStyle(element);
  const outline = style.outlineStyle === "none" ? "none" : style.outline;
  return [outline, style.boxShadow, style.borderColor].join();
};

function focusUnseen() {
  const element = document.activeElement;
  if (!element || element === document.body) return ["nothing has the focus"];
  // A box drawn around a hidden input shows it in its stead.
  const shown = [element, element.nextElementSibling].filter((one) => one && isSeen(one));
  const focused = shown.map(looks);
  element.blur();
  const plain = shown.map(looks);
  element.focus({ focusVisible: true });
  return shown.some((_, i) => focused[i] !== plain[i]) ? [] : [name(element)];
}
