// Talking to the server: one question in flight a kind, and while it is, only the newest wish is kept.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
export const view = crypto.getRandomValues(new Uint32Array(2)).join("-");

/** Ask the server; the response, or an Error whose message is the server's line. `status` is on the error. */
export async function ask(question, body) {
  let response;
  try {
    response = await fetch(`/api/${question}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Forensics-Token": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error("The server does not answer: is forensics explore still running?"), { status: 0 });
  }
  if (!response.ok) throw Object.assign(new Error(await response.text()), { status: response.status });
  return response;
}

/** Calls `work` with the newest thing wanted; what is wanted while it works replaces what waited. */
export class Newest {
  #work; #wanted = null; #busy = false;

  constructor(work) { this.#work = work; }

  want(thing) {
    this.#wanted = thing;
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    while (this.#wanted !== null) {
      const thing = this.#wanted;
      this.#wanted = null;
      await this.#work(thing);
    }
    this.#busy = false;
  }
}

/** Let the person keep `blob` as a file called `name`. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
