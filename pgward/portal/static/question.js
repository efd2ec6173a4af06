// A passkey as an answer to a question: the browser asks for it, the authority looks at it, and what
// comes of that goes back with the form.

import { ask, bring, get } from "./webauthn.js";

const button = document.querySelector("#passkey button");

bring(document.getElementById("passkey"), async () =>
  ask("/login/used", {
    visit: button.dataset.visit,
    credential: await get(JSON.parse(button.dataset.options)),
    redirect_uri: button.dataset.page,
  }),
);
button.focus();
