// What the detector and the face finder measured, as text. The picture was generated: there is a score, no verdict.

const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(2);

function line(list, name, value) {
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  list.append(term, text);
}

const scoreOfFace = (scores) => (scores.face_score === null ? "not looked for" : scores.face_score.toFixed(2));

/** One line for beside the picture. */
export function inShort(scores) {
  return `· log10 LR ${signed(scores.log10_lr)} · face ${scoreOfFace(scores)}`;
}

/** Show scores in the list `holder`, and what they mean in `note`. */
export function showScores(holder, note, scores) {
  holder.replaceChildren();
  line(holder, "Made by", "the generator on this page");
  line(holder, "Detector's log10 LR", signed(scores.log10_lr));
  line(holder, "Face score", scoreOfFace(scores));
  holder.hidden = false;
  const why = scores.reasons.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`);
  const called = `Detector ${scores.detector} calls a file of unknown origin synthetic from ${signed(scores.synthetic_at)}.`;
  note.textContent = [`${scores.polarity}.`, called, ...why].join(" ");
}
