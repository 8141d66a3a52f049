// The page: controls write into `settings`, every change asks for a picture, the reply is shown.

import { Newest, ask, save, view } from "/server.js";
import { VectorView } from "/vector.js";
import { bindNumber, bindSliders, buildDimensions } from "/controls.js";
import { Walk } from "/walk.js";
import { inShort, showScores } from "/probe.js";

const $ = (id) => document.getElementById(id);
const minus = (text) => String(text).replace(/-/g, "\u2212");
const REST_MS = 400;
let facts, settings, shown = { unchanged: "", w: [], wBefore: [] }, probed = "", scores = null, rest = 0;
const arrivals = [];

const vector = new VectorView($("vector"), { onPoint: pointed, onChoose: (dim) => dimensions.add(dim) });
const pictures = new Newest(fetchPicture), probes = new Newest(fetchScores);
const copy = () => structuredClone(settings);

/** What the picture before the change depends on. */
const unchanged = (s) => JSON.stringify([s.seed, s.index, s.label, s.psi]);

function changed() {
  age();
  clearTimeout(rest);
  if ($("ask-always").checked) rest = setTimeout(() => probes.want(copy()), REST_MS);
  pictures.want(copy());
}

/** Show whether the scores are of the picture that is shown. */
function age() {
  const stale = scores !== null && JSON.stringify(settings) !== probed;
  $("scores").classList.toggle("stale", stale);
  $("stale").hidden = !stale;
  $("after-scores").textContent = scores === null || stale ? "" : inShort(scores);
}

async function fetchPicture(wanted) {
  try {
    const has = shown.unchanged === unchanged(wanted);
    const reply = await (await ask("picture", { view, has, settings: wanted })).json();
    show(wanted, reply);
    trouble("");
  } catch (error) {
    if (error.status === 409) return;
    walk.stop();
    trouble(error.message);
  }
}

function show(wanted, reply) {
  if (reply.before !== null) {
    $("before").src = reply.before;
    shown.wBefore = reply.w_before;
    shown.unchanged = unchanged(wanted);
  }
  $("after").src = reply.after;
  shown.w = reply.w;
  vector.show(shown.w, shown.wBefore);
  const psi = `ψ ${minus(wanted.psi.toFixed(2))}`;
  $("before-facts").textContent = `${psi}, radius ${reply.radius_before.toFixed(2)}`;
  $("after-facts").textContent = `radius ${reply.radius.toFixed(2)}`;
  $("change").textContent = reply.change ? `differs by ${reply.change.toFixed(1)} grey levels (RMS)` : "no difference";
  const share = (100 * reply.nonzero) / facts.weights;
  $("nonzero").textContent = `${reply.nonzero.toLocaleString("en")} of ${facts.weights.toLocaleString("en")} are left (${share.toFixed(1)} %).`;
  if ($("values").closest("details").open) listValues();
  document.body.dataset.shown = JSON.stringify(wanted);
  countRate();
  walk.arrived(reply.steps);
}

function countRate() {
  const now = performance.now();
  arrivals.push(now);
  while (arrivals.length > 12 || now - arrivals[0] > 2000) arrivals.shift();
  const rate = arrivals.length > 3 ? (1000 * (arrivals.length - 1)) / (now - arrivals[0]) : 0;
  $("rate").textContent = rate ? `${rate.toFixed(rate < 10 ? 1 : 0)} images a second` : "";
}

function listValues() {
  $("values").textContent = shown.w.map((value) => minus(value.toFixed(3))).join("  ");
}

function pointed(dim) {
  if (dim === null) return;
  const [now, was] = [shown.w[dim], shown.wBefore[dim]].map((value) => minus(value.toFixed(3)));
  $("vector-at").textContent = `w[${dim}] is ${now}` + (now === was ? "" : `, was ${was}`) + ". Choose the bar to move it.";
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

/** Put `settings` into every control. */
function fill() {
  sliders.fill(settings);
  numbers.forEach((number) => number.fill());
  dimensions.fill(settings.moves);
  $("noise").value = settings.noise;
  $("noise-seed").disabled = settings.noise !== "random";
  $("direction").value = settings.walk.direction;
}

function use(values) {
  walk.stop();
  settings = values;
  fill();
  changed();
}

const sliders = bindSliders((field, value) => {
  settings[field] = value;
  changed();
});

const dimensions = buildDimensions({
  holder: $("dimensions"),
  template: $("dimension-row"),
  onMoves: (moves) => {
    settings.moves = moves;
    changed();
  },
});

const walk = new Walk({
  button: $("walk"),
  words: $("walked"),
  step: () => $("step").valueAsNumber,
  walked: () => settings.walk,
  onStep: changed,
  limits: () => facts.limits,
});

const clampLayers = () => (settings.layers[0] = Math.min(settings.layers[0], settings.layers[1]));
const numbers = [
  bindNumber($("seed"), () => settings.seed, (value) => (settings.seed = value), changed),
  bindNumber($("index"), () => settings.index, (value) => (settings.index = value), changed),
  bindNumber($("label"), () => settings.label, (value) => (settings.label = value), changed),
  bindNumber($("noise-seed"), () => settings.noise_seed, (value) => (settings.noise_seed = value), changed),
  bindNumber($("walk-seed"), () => settings.walk.seed, (value) => (settings.walk.seed = value), changed),
  bindNumber($("first"), () => settings.layers[0], (value) => {
    settings.layers = [value, Math.max(value, settings.layers[1])];
    numbers.at(-1).fill();
  }, changed),
  bindNumber($("last"), () => settings.layers[1], (value) => {
    settings.layers = [settings.layers[0], value];
    clampLayers();
    numbers.at(-2).fill();
  }, changed),
];

function on(id, act) {
  $(id).addEventListener("click", act);
}

function toIndex(index) {
  settings.index = Math.min(Math.max(index, 0), facts.limits.seed);
  numbers[1].fill();
  changed();
}

function setLayers(from, to) {
  const last = facts.num_ws - 1;
  settings.layers = [Math.min(Math.floor(from * facts.num_ws), last), Math.max(Math.ceil(to * facts.num_ws) - 1, 0)];
  clampLayers();
  numbers.slice(-2).forEach((number) => number.fill());
  changed();
}

function anyDimension() {
  const free = [...Array(facts.w_dim).keys()].filter((dim) => !dimensions.has(dim));
  if (free.length) dimensions.add(free[Math.floor(Math.random() * free.length)]);
}

async function keep(question, ending) {
  try {
    const blob = await (await ask(question, { settings: copy() })).blob();
    save(blob, `${facts.generator_sha256.slice(0, 8)}-seed${settings.seed}-${settings.index}.${ending}`);
  } catch (error) {
    trouble(error.message);
  }
}

async function openRecipe(file) {
  try {
    const recipe = JSON.parse(await file.text());
    if (typeof recipe?.settings !== "object") throw new Error("This file holds no recipe.");
    // The server checks what the file says before any of it gets into the page.
    const checked = await (await ask("recipe", { settings: recipe.settings })).json();
    use(checked.settings);
    if (recipe.generator_sha256 !== facts.generator_sha256) trouble("This recipe was made with other weights: its picture is another.");
    else if (recipe.image?.pixels_sha256 !== checked.image.pixels_sha256) trouble("The pixels are not those of the recipe.");
  } catch (error) {
    trouble(error instanceof SyntaxError ? "This file is no JSON." : error.message);
  }
}

async function fetchScores(about) {
  $("ask").disabled = true;
  $("scores-note").textContent = "Asking…";
  try {
    scores = await (await ask("probe", { view, settings: about })).json();
    probed = JSON.stringify(about);
    showScores($("scores"), $("scores-note"), scores);
    age();
  } catch (error) {
    $("scores-note").textContent = error.message;
  }
  $("ask").disabled = false;
}

function wire() {
  on("previous", () => toIndex(settings.index - 1));
  on("next", () => toIndex(settings.index + 1));
  on("another", () => toIndex(Math.floor(Math.random() * 2 ** 31)));
  on("add", () => dimensions.add($("dimension").valueAsNumber));
  on("add-any", anyDimension);
  on("zero", () => dimensions.zero());
  on("layers-all", () => setLayers(0, 1));
  on("layers-coarse", () => setLayers(0, 1 / 3));
  on("layers-middle", () => setLayers(1 / 3, 2 / 3));
  on("layers-fine", () => setLayers(2 / 3, 1));
  on("walk", () => walk.toggle());
  on("walk-clear", () => walk.clear());
  on("ask", () => probes.want(copy()));
  on("ask-always", ({ target }) => target.checked && probes.want(copy()));
  on("save-png", () => keep("png", "png"));
  on("save-recipe", () => keep("recipe", "json"));
  on("open-recipe", () => $("recipe-file").click());
  on("reset", () => use(structuredClone(facts.start)));
  $("recipe-file").addEventListener("change", ({ target }) => {
    if (target.files[0]) openRecipe(target.files[0]);
    target.value = "";
  });
  $("dimension").addEventListener("keydown", (event) => event.key === "Enter" && dimensions.add(event.target.valueAsNumber));
  $("noise").addEventListener("change", ({ target }) => {
    settings.noise = target.value;
    $("noise-seed").disabled = settings.noise !== "random";
    changed();
  });
  $("direction").addEventListener("change", ({ target }) => {
    settings.walk.direction = target.value;
    changed();
  });
  $("values").closest("details").addEventListener("toggle", listValues);
}

async function begin() {
  try {
    facts = await (await ask("facts", {})).json();
  } catch (error) {
    $("facts").textContent = "";
    trouble(error.message);
    return;
  }
  $("facts").textContent =
    `${facts.generator} · ${facts.architecture} · ${facts.resolution} px · w has ${facts.w_dim} dimensions in ${facts.num_ws} layers · weights ${facts.generator_sha256.slice(0, 12)} · ${facts.device}`;
  $("label-field").hidden = !facts.c_dim;
  $("label").max = facts.c_dim - 1;
  $("noise-field").hidden = !facts.noise_maps;
  for (const id of ["first", "last"]) $(id).max = facts.num_ws - 1;
  $("dimension").max = facts.w_dim - 1;
  dimensions.limit(facts.w_dim, facts.limits.moves);
  facts.start.moves = facts.dimensions.map((dim) => [dim, 0]);
  wire();
  use(structuredClone(facts.start));
}

begin();
