// What the detector and the face finder said, as text.

const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(2);

function line(list, name, value) {
  const [term, text] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = name;
  text.textContent = value;
  list.append(term, text);
  return text;
}

const scoreOfFace = (finding) => (finding.face_score === null ? "not looked for" : finding.face_score.toFixed(2));

/** One line for beside the picture. */
export function inShort(finding) {
  return `· log10 LR ${signed(finding.log10_lr)} · face ${scoreOfFace(finding)}`;
}

/** Show a finding in the list `holder`, and why it is what it is in `note`. */
export function showOpinion(holder, note, finding) {
  holder.replaceChildren();
  line(holder, "log10 LR", signed(finding.log10_lr));
  line(holder, "Verdict", finding.verdict).className = finding.verdict;
  const { authentic_at: low, synthetic_at: high } = finding.thresholds;
  line(holder, "Thresholds", `synthetic from ${signed(high)}, authentic up to ${signed(low)}`);
  line(holder, "Face score", scoreOfFace(finding));
  holder.hidden = false;
  const why = [...finding.reasons, ...finding.warnings].map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`);
  note.textContent = [`${finding.polarity}.`, `Detector ${finding.detectors[0].id}.`, ...why].join(" ");
}
