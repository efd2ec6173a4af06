// A passkey that this browser makes: the authority looks at it, and what comes of that goes back
// with the form.

import { ask, bring, create } from "./webauthn.js";

const button = document.querySelector("#passkey button");

bring(document.getElementById("passkey"), async () => {
  const { visit, code, options } = button.dataset;
  return ask("/login/made", { visit, code, credential: await create(JSON.parse(options)) });
});
