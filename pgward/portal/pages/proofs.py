"""The fresh proof that some changes of one's own account need, as fields of their forms."""

from typing import Annotated

from pydantic import Field, SecretStr

from pgward.ca.service.routes.mfa import Proof
from pgward.portal.pages import questions
from pgward.portal.web import forms
from pgward.portal.web.forms import Form


class Proven(Form):
    """A form that may bring a proof; which one is needed, its page has asked the API."""

    proof_code: Annotated[str, Field(max_length=100)] = ""
    proof_password: Annotated[SecretStr, Field(max_length=4096)] = SecretStr("")

    @property
    def proof(self) -> Proof:
        """The proof as the API takes it; raises FieldsError."""
        given = questions.code_of(self.proof_code) if self.proof_code.strip() else {}
        password = self.proof_password.get_secret_value()
        return forms.checked(Proof, {**given, "password": password or None})
