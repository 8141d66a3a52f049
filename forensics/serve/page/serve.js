// Photographs go up one after the other, and each finding appears as it is done. Text from files is set as text only.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const waiting = [];
const verdicts = {};
let total = 0, ended = 0, busy = false;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function trouble(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = false;
}

async function ask(path, options = {}) {
  const headers = { "X-Forensics-Token": token, ...options.headers };
  const response = await fetch(path, { ...options, headers });
  if (response.status === 429) {
    await new Promise((go) => setTimeout(go, 1000));
    return ask(path, options);
  }
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

/** The finding of a file, or an Error with the server's line. */
async function examine(file) {
  const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
  let job = await ask("/detect?wait=20", { method: "POST", headers, body: file });
  while (job.state === "waiting" || job.state === "running") job = await ask(`/jobs/${job.id}?wait=20`);
  if (job.state === "failed") throw new Error(job.error);
  return job.result;
}

function boxes(finding) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${finding.width} ${finding.height}`);
  svg.setAttribute("aria-hidden", "true");
  const size = Math.max(finding.width, finding.height) / 18;
  (finding.faces ?? []).forEach(({ box: [left, top, right, bottom] }, k) => {
    const rect = document.createElementNS(SVG, "rect");
    const text = document.createElementNS(SVG, "text");
    const place = { x: left, y: top, width: right - left, height: bottom - top };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    text.setAttribute("x", left + size / 5);
    text.setAttribute("y", top + size);
    text.setAttribute("font-size", size);
    text.setAttribute("stroke-width", size / 8);
    text.textContent = k + 1;
    svg.append(rect, text);
  });
  return svg;
}

function picture(result, name) {
  const frame = make("div", { className: "picture" }, make("img", { src: result.picture, alt: `Photograph ${name}` }));
  const parts = [frame];
  if (result.overlay) {
    const overlay = make("img", { src: result.overlay, alt: "", className: "overlay" });
    overlay.style.opacity = 0;
    const slider = make("input", { type: "range", min: 0, max: 100, value: 0, ariaLabel: "Where the evidence lies" });
    slider.addEventListener("input", () => { overlay.style.opacity = slider.value / 100; });
    frame.append(overlay);
    parts.push(make("label", { className: "slider" }, "Photograph", slider, "Evidence"));
  }
  frame.append(boxes(result.finding));
  return make("div", {}, ...parts);
}

function words(result, name) {
  const { finding, statement } = result;
  const said = finding.verdict === "authentic" ? "authentic: no trace found" : finding.verdict;
  const faces = finding.faces === null ? "Faces were not looked for."
    : `${finding.faces.length} face${finding.faces.length === 1 ? "" : "s"} found.`;
  const lines = finding.reasons.map((reason) => make("li", { textContent: reason }));
  const column = make("div", {}, make("h2", { textContent: name }), make("p", { className: `said ${finding.verdict}`, textContent: said }));
  if (lines.length) column.append(make("p", { textContent: "No verdict, because:" }), make("ul", {}, ...lines));
  if (statement) column.append(make("p", { textContent: statement }));
  column.append(make("p", { textContent: faces }));
  for (const warning of finding.warnings) column.append(make("p", { className: "small muted", textContent: warning }));
  column.append(make("p", { className: "small muted mono", textContent: `sha256 ${finding.sha256}` }));
  return column;
}

function show(name, result, error) {
  const article = make("article", { ariaLabel: name });
  if (error) article.append(make("div", {}, make("h2", { textContent: name }), make("p", { className: "said", textContent: "not examined" }), make("p", { textContent: error })));
  else article.append(picture(result, name), words(result, name));
  $("findings").append(article);
  const said = error ? "not examined" : result.finding.verdict;
  verdicts[said] = (verdicts[said] ?? 0) + 1;
}

function progress() {
  $("progress-line").hidden = false;
  $("progress").max = total;
  $("progress").value = ended;
  $("progress-words").textContent = `${ended} of ${total}`;
  const counts = Object.entries(verdicts).map(([word, n]) => `${n} ${word}`).join(", ");
  if (ended) $("headline").textContent = `${ended} file${ended === 1 ? "" : "s"}: ${counts}`;
  document.body.dataset.ended = ended;
}

async function work() {
  if (busy) return;
  busy = true;
  while (waiting.length) {
    const file = waiting.shift();
    try {
      show(file.name, await examine(file), null);
    } catch (error) {
      if (error instanceof TypeError) trouble("The server does not answer: is forensics serve still running?");
      show(file.name, null, error.message);
    }
    ended += 1;
    progress();
  }
  busy = false;
}

function add(files) {
  waiting.push(...files);
  total += files.length;
  progress();
  work();
}

/** Every file of a dropped entry, folders with all that is in them. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const one of some) found.push(...(await filesOf(one)));
  }
}

for (const id of ["files", "folder"]) {
  $(id).addEventListener("change", () => { add([...$(id).files]); $(id).value = ""; });
}
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", async (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) add(await filesOf(entry));
});
if (!token) trouble("This address lacks its token: open the one that the command printed, all of it.");
