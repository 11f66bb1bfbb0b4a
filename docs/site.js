// SPDX-License-Identifier: Apache-2.0
// Shows one language at a time where a page has several, and remembers which.
const groups = [...document.querySelectorAll(".languages")].map((group) => [...group.children]);

function choose(language) {
  for (const blocks of groups) {
    for (const block of blocks) {
      block.hidden = block.dataset.language !== language;
    }
  }
  for (const button of document.querySelectorAll(".names button")) {
    button.setAttribute("aria-selected", button.textContent === language);
    button.tabIndex = button.textContent === language ? 0 : -1;
  }
  try { localStorage.setItem("language", language); } catch { /* Files may have no storage. */ }
}

for (const blocks of groups) {
  const bar = document.createElement("div");
  bar.className = "names";
  bar.setAttribute("role", "tablist");
  for (const block of blocks) {
    const button = document.createElement("button");
    button.textContent = block.dataset.language;
    button.setAttribute("role", "tab");
    // What is read stays where it is, though blocks above change their heights.
    button.onclick = () => {
      const before = bar.getBoundingClientRect().top;
      choose(button.textContent);
      scrollBy(0, bar.getBoundingClientRect().top - before);
    };
    button.onkeydown = (event) => {
      const next = { ArrowLeft: button.previousSibling, ArrowRight: button.nextSibling }[event.key];
      if (next) { next.click(); next.focus(); }
    };
    block.setAttribute("role", "tabpanel");
    bar.append(button);
  }
  blocks[0].before(bar);
}
if (groups.length) {
  document.documentElement.classList.add("chosen");
  let last = null;
  try { last = localStorage.getItem("language"); } catch { /* As above. */ }
  const known = groups[0].map((block) => block.dataset.language);
  choose(known.includes(last) ? last : known[0]);
}
