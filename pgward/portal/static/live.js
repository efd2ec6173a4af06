// Keeps sections with data-live="SECONDS" as the server has them: the same page is asked for again,
// and what changed of the section is put in place. Nothing is asked for while nobody looks.
import { dress } from "./portal.js";

const policy = window.trustedTypes?.createPolicy("pgward-live", { createHTML: (text) => text }) ?? {
  createHTML: (text) => text,
};

const sections = document.querySelectorAll("[data-live][id]");
const shown = new Map();
for (const each of sections) shown.set(each.id, null);

// HTML of ours, as a document whose parts can be taken over.
export function read(text) {
  return new DOMParser().parseFromString(policy.createHTML(text), "text/html");
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  // Signed out, or no longer anybody's to see: the page itself says so.
  if (answer.redirected || [401, 403, 404].includes(answer.status)) return location.reload();
  if (!answer.ok) return;
  const page = read(await answer.text());
  for (const id of shown.keys()) replace(id, page.getElementById(id));
}

function replace(id, fresh) {
  const old = document.getElementById(id);
  if (!old || !fresh) return location.reload();
  const isBusy = old.querySelector("details[open]") || isTyping(old);
  if (isBusy || shown.get(id)?.isEqualNode(fresh)) return;
  shown.set(id, fresh);
  const spots = [...old.querySelectorAll("a, button, summary")];
  const spot = spots.indexOf(document.activeElement);
  old.replaceChildren(...document.importNode(fresh, true).childNodes);
  dress(old);
  if (spot >= 0) old.querySelectorAll("a, button, summary")[spot]?.focus();
}

// Somebody who fills in a form keeps it, and what they have filled in.
function isTyping(section) {
  const fields = [...section.querySelectorAll("input:not([type=hidden]), select, textarea")];
  return fields.some(
    (each) =>
      each === document.activeElement ||
      (each.defaultValue ?? each.value) !== each.value ||
      (each.defaultChecked ?? each.checked) !== each.checked,
  );
}

if (sections.length) {
  const seconds = Math.min(...[...sections].map((each) => Number(each.dataset.live)));
  const turn = async () => {
    try {
      if (!document.hidden) await refresh();
    } catch {
      // The server is away for a moment: the next turn asks again.
    }
    setTimeout(turn, 1000 * seconds);
  };
  setTimeout(turn, 1000 * seconds);
}
