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
new MutationObserver(observe).observe(document.getElementById("main-content") ?? document.documentElement, {subtree: true, childList: true});
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
    element.async = false; // scripts arrive side by side and run in order
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
      await Promise.all(["shared.js", ...lab.dataset.loads.split(" ")].map((name) => loadOnce("script", name)));
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

// What the reader has read, kept in this browser alone: a chapter is opened, read, or open again by the reader's own hand.
{
  const KEPT = "image-recognition-course";
  const chapterOf = (url) => /chapters\/\w+\/\w+(?=\.html)/.exec(url)?.[0];
  const remembered = () => {
    try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return null; } // storage may be forbidden
  };
  const remember = (name, state) => {
    try { localStorage.setItem(KEPT, JSON.stringify({...remembered(), [name]: state, last: name})); } catch {}
    showProgress();
  };
  const mark = (link, word) => {
    link.querySelector(".state")?.remove();
    if (word) link.insertAdjacentHTML("beforeend", ` <span class="state"><i aria-hidden="true"></i><span>${word}</span></span>`);
  };
  const showProgress = () => {
    const states = remembered() || {};
    const isRead = (link) => states[chapterOf(link.href)] == "read";
    const word = document.getElementById("pst-header").dataset.read;
    for (const link of document.querySelectorAll(".bd-links a")) mark(link, isRead(link) && word);
    const box = document.querySelector(".course-progress");
    if (!box) return;
    const links = [...document.querySelectorAll(".course-map ol a")];
    const titles = links.map((link) => (mark(link), link.textContent));
    for (const link of links) mark(link, isRead(link) ? word : states[chapterOf(link.href)] && box.dataset.opened);
    const count = (some) => box.dataset.count.replace("{read}", some.filter(isRead).length).replace("{all}", some.length);
    for (const station of document.querySelectorAll(".course-map > li")) {
      const name = station.querySelector(".station-name");
      mark(name, states.last && count([...station.querySelectorAll("a")]));
    }
    const [bar, text, link] = ["progress", "span", "a"].map((tag) => box.querySelector(tag));
    bar.max = links.length;
    bar.value = links.filter(isRead).length;
    text.textContent = count(links);
    const at = Math.max(links.findIndex((other) => chapterOf(other.href) == states.last), 0);
    const next = [...links.keys()].map((n) => (n + at) % links.length).find((n) => !isRead(links[n]));
    link.hidden = next === undefined;
    if (!link.hidden) {
      link.href = links[next].href;
      link.textContent = box.dataset.continue.replace("{title}", titles[next].trim());
    }
    box.hidden = !states.last;
  };
  const here = chapterOf(location.pathname);
  const end = document.querySelector(".chapter-end");
  if (here && end && remembered()) {
    const [label, box] = [end.querySelector("label"), end.querySelector("input")];
    remember(here, remembered()[here] || "opened");
    label.hidden = !remembered().last;
    box.checked = remembered()[here] == "read";
    box.addEventListener("change", () => remember(here, box.checked ? "read" : "again"));
    new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting || remembered()[here] != "opened") return;
      box.checked = true;
      remember(here, "read");
    }).observe(end);
  }
  document.querySelector(".course-progress button")?.addEventListener("click", () => {
    localStorage.removeItem(KEPT);
    showProgress();
  });
  addEventListener("pageshow", showProgress);
}
