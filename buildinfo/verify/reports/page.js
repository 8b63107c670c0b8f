"use strict";
// A search field for long lists. Without scripts the page lacks it, and nothing else.
(() => {
  const filter = document.getElementById("filter");
  const pairs = document.querySelectorAll("details.pair, .row");
  if (!filter || pairs.length < 8) return;
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "package or cause";
  field.setAttribute("aria-label", "Show pairs with these words");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const pair of pairs) {
      const text = (pair.querySelector("summary") ?? pair).textContent.toLowerCase();
      pair.hidden = !words.every((word) => text.includes(word));
    }
  });
  filter.append(field);
})();
