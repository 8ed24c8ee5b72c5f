// A formula that is wider than the screen scrolls by itself; the keyboard must reach it to scroll it.
const reachable = () => {
  for (const formula of document.querySelectorAll(".katex-display")) {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
};
addEventListener("load", reachable);
addEventListener("resize", reachable);

// The table of claims: show the rows of one verdict, or with one word in them.
for (const filter of document.querySelectorAll(".claim-filter")) {
  const rows = [...document.querySelectorAll("table.claims tbody tr")];
  const [verdict, word, count] = [filter.querySelector("select"), filter.querySelector("input"), filter.querySelector("output")];
  const apply = () => {
    const sought = word.value.trim().toLowerCase();
    for (const row of rows) {
      const fits = !verdict.value || row.classList.contains(verdict.value);
      row.hidden = !(fits && row.textContent.toLowerCase().includes(sought));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} / ${rows.length}`;
  };
  filter.hidden = false;
  filter.addEventListener("input", apply);
  filter.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
