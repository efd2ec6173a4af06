// The editor stays where it is while its text runs: what comes of it is put below. Without this
// script the page comes anew.
import { dress } from "./portal.js";
import { read } from "./live.js";

const HEADERS = { Accept: "text/html" };
const MOST_RUN = 50;
const editor = document.getElementById("editor");
const text = editor.elements.sql;
const answers = document.getElementById("answers");
const past = document.getElementById("past");
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
  else if (form === editor) fields.set("sql", toRun());
  answers.setAttribute("aria-busy", "true");
  try {
    await put(await fetch(form.action, { method: "POST", body: fields, headers: HEADERS }), mine, form);
  } catch {
    setTimeout(() => look(mine), 1000);
  }
}

// What is marked, or all; and it can be had back.
function toRun() {
  const marked = text.value.slice(text.selectionStart, text.selectionEnd);
  const sql = marked.trim() ? marked : text.value;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "other small";
  again.textContent = sql.trim().slice(0, 200);
  again.addEventListener("click", () => {
    text.value = sql;
    text.focus();
  });
  const line = document.createElement("li");
  line.append(again);
  const list = past.querySelector("ol");
  list.prepend(line);
  if (list.children.length > MOST_RUN) list.lastChild.remove();
  past.hidden = false;
  return sql;
}

async function look(mine) {
  if (mine !== turn) return;
  try {
    await put(await fetch(location.href, { headers: HEADERS }), mine);
  } catch {
    setTimeout(() => look(mine), 1000);
  }
}

async function put(answer, mine, form) {
  const page = read(await answer.text());
  if (mine !== turn) return;
  if (!page.querySelector("#editor[data-stay]")) return leave(answer, page, form);
  for (const place of [document.getElementById("state"), answers]) {
    place.replaceChildren(...document.importNode(page.getElementById(place.id), true).childNodes);
    dress(place);
  }
  answers.removeAttribute("aria-busy");
  answers.toggleAttribute("data-running", page.getElementById("answers").hasAttribute("data-running"));
  editor.elements.transaction.value = page.querySelector("input[name=transaction]").value;
  goOn(mine);
}

// Signed out, or the editor is not here any more: the page itself says so, and keeps the text.
function leave(answer, page, form) {
  if (answer.redirected) location.assign(answer.url);
  else if (form === editor && page.getElementById("editor")) editor.submit();
  else location.reload();
}

function goOn(mine) {
  if (answers.hasAttribute("data-running")) setTimeout(() => look(mine), 1000);
}

goOn(turn);
