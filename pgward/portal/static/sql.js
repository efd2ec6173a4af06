// The editor stays where it is while its text runs: what comes of it is put below. Without this
// script the page comes anew.
import { dress } from "./portal.js";
import { read } from "./live.js";

const editor = document.getElementById("editor");
const text = editor.elements.sql;
const parts = ["state", "answers"];
let turn = 0;

for (const each of document.querySelectorAll("[data-keys]")) each.hidden = false;

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  editor.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-stay") || event.submitter?.hasAttribute("data-leave")) return;
  event.preventDefault();
  send(form, event.submitter);
});

async function send(form, button) {
  const mine = ++turn;
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  const { selectionStart: from, selectionEnd: to } = text;
  const runs = form === editor && !button?.name;
  if (runs && to > from) fields.set("sql", text.value.slice(from, to));
  if (runs) document.getElementById("answers").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "text/html" } });
    await put(answer, mine);
  } catch {
    setTimeout(() => look(mine), 1000);
  }
}

async function look(mine) {
  if (mine !== turn) return;
  try {
    await put(await fetch(location.href, { headers: { Accept: "text/html" } }), mine);
  } catch {
    setTimeout(() => look(mine), 1000);
  }
}

async function put(answer, mine) {
  const page = read(await answer.text());
  if (mine !== turn) return;
  // Signed out, or the editor is gone: the page itself says so.
  const fresh = parts.map((id) => page.getElementById(id));
  if (fresh.includes(null) || !page.querySelector("#editor[data-stay]")) return leave(answer);
  for (const each of fresh) {
    const old = document.getElementById(each.id);
    old.replaceWith(document.importNode(each, true));
    dress(document.getElementById(each.id));
  }
  editor.elements.transaction.value = page.querySelector("input[name=transaction]").value;
  if (document.querySelector("#answers[data-running]")) setTimeout(() => look(mine), 1000);
}

function leave(answer) {
  location.assign(answer.redirected ? answer.url : location.href);
}

if (document.querySelector("#answers[data-running]")) setTimeout(() => look(turn), 1000);
