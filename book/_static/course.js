// What scrolls by itself (a formula, code, an output, a table) must be reached by the keyboard. Its size is asked for when the
// browser has laid it out, so that nothing off the screen has to be.
const reachable = new ResizeObserver((entries) => {
  for (const {target: box} of entries) {
    const {overflowX, overflowY} = getComputedStyle(box);
    const scrolls = (how, size, room) => /auto|scroll/.test(how) && size > room;
    if (scrolls(overflowX, box.scrollWidth, box.clientWidth) || scrolls(overflowY, box.scrollHeight, box.clientHeight)) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
});
const observe = () => {
  for (const box of document.querySelectorAll(".katex-display, pre, .cell_output > .output, .pst-scrollable-table-container")) reachable.observe(box);
};
observe();
new MutationObserver(observe).observe(document.getElementById("main-content"), {subtree: true, childList: true});
document.fonts.addEventListener("loadingdone", () => (reachable.disconnect(), observe())); // letters of another width

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

// The labs: what one loads, it loads when the reader opens it.
const labFolder = new URL("labs/", document.currentScript.src);
const loadOnce = (tag, name) => {
  const address = new URL(name, labFolder).href;
  loadOnce[address] ??= new Promise((done, failed) => {
    const element = document.createElement(tag);
    if (tag === "link") element.rel = "stylesheet";
    element[tag === "link" ? "href" : "src"] = address;
    element.onload = done;
    element.onerror = () => {
      delete loadOnce[address]; // so that it can be tried again
      failed(new Error(name));
    };
    document.head.append(element);
  });
  return loadOnce[address];
};
for (const lab of document.querySelectorAll(".lab")) {
  const [button, stage, message] = [".lab-open", ".lab-stage", ".lab-message"].map((part) => lab.querySelector(part));
  const words = JSON.parse(lab.querySelector(".lab-words").textContent);
  button.addEventListener("click", async () => {
    lab.dataset.state = "loading";
    button.disabled = true;
    message.textContent = words.loading;
    try {
      await loadOnce("link", "labs.css");
      for (const name of ["shared.js", ...lab.dataset.loads.split(" ")]) await loadOnce("script", name);
      lab.result = await courseLabs[lab.dataset.lab](stage, words);
      message.textContent = "";
      lab.querySelector(".lab-preview").hidden = true;
      stage.hidden = false;
      lab.dataset.state = "ready";
      stage.tabIndex = -1;
      stage.focus({ preventScroll: true });
    } catch (error) {
      message.textContent = `${words.failed} (${error.message})`;
      lab.dataset.state = "failed";
      button.disabled = false;
    }
  });
}
