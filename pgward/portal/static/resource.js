// Keeps the form of a resource and its YAML the same while somebody writes, and says at once what
// is wrong and what would change. The server does all of that: the page is sent as its button
// "Check" sends it, and what comes back is put in place around what is being written.
import { read } from "./live.js";

const form = document.getElementById("editor");
const yaml = document.getElementById("yaml");
let changes = 0;
let timer;

async function check(side) {
  const before = changes;
  const sent = new URLSearchParams(new FormData(form));
  sent.set("act", "check");
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body: sent, redirect: "manual", headers: { Accept: "text/html" } });
  } catch {
    return; // The server is away for a moment: the next letter asks again.
  }
  document.getElementById("away").hidden = answer.type !== "opaqueredirect";
  if (before !== changes || !answer.ok) return; // somebody goes on writing
  const page = read(await answer.text());
  if (before !== changes || !page.getElementById("editor")) return;
  put(page, side);
}

function put(page, side) {
  const fresh = (id) => page.getElementById(id);
  document.getElementById("shown").value = fresh("shown").value;
  replace(document.getElementById("problems"), fresh("problems"));
  mark(yaml, fresh("yaml"));
  if (side === "form" && yaml.value !== fresh("yaml").value) yaml.value = fresh("yaml").value;
  const active = document.activeElement;
  if (side === "form" && active.matches("#fields :is(input:not([type=checkbox]), textarea)")) {
    for (const field of fresh("fields")?.querySelectorAll(".field") ?? []) refresh(field);
  } else {
    const fields = document.getElementById("fields");
    if (fields && fresh("fields")) {
      keepOpen(fields, fresh("fields"));
      replace(fields, fresh("fields"));
      if (active !== yaml && active.id) document.getElementById(active.id)?.focus();
    }
  }
  measure();
}

function keepOpen(old, fresh) {
  const parts = [...old.querySelectorAll("details")];
  for (const [place, part] of fresh.querySelectorAll("details").entries()) {
    if (parts[place]?.querySelector("h2").textContent === part.querySelector("h2").textContent) part.open ||= parts[place].open;
  }
}

// A field that is being written in keeps what is in it.
function refresh(field) {
  const old = document.getElementById(field.id);
  if (!old) return;
  if (!old.contains(document.activeElement)) return replace(old, field);
  const help = field.querySelector(".help");
  old.querySelector(".help")?.remove();
  if (help) old.append(document.importNode(help, true));
  const input = field.querySelector("input, select, textarea");
  if (input) mark(document.activeElement, input);
}

function mark(input, fresh) {
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (fresh.hasAttribute(name)) input.setAttribute(name, fresh.getAttribute(name));
    else input.removeAttribute(name);
  }
}

function replace(old, fresh) {
  old.replaceChildren(...document.importNode(fresh, true).childNodes);
}

// As many rows and numbers as there are lines.
function measure() {
  const lines = yaml.value.split("\n").length;
  yaml.rows = lines;
  document.getElementById("gutter").textContent = Array.from({ length: lines }, (_, line) => line + 1).join("\n");
}

form.addEventListener("input", (event) => {
  const side = event.target === yaml ? "yaml" : "form";
  if (side === "yaml") measure();
  changes += 1;
  clearTimeout(timer);
  timer = setTimeout(check, 600, side);
});

form.addEventListener("click", (event) => {
  const line = Number(event.target.dataset?.line);
  if (!line) return;
  event.preventDefault();
  const lines = yaml.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  yaml.focus();
  yaml.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
});
