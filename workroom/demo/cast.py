"""Who plays in the demo. All made up; `.example` is nobody's domain (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass

from workroom.abilities import AccountKind

PASSWORD = "brown bread on thursday"

BAKERY, SHIPPING, STUDIO = "Lindt Bakery", "Okafor Shipping", "Studio Kestrel"
CUSTOMERS = (BAKERY, SHIPPING, STUDIO)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the provider, or of the customer that is named."""

    name: str
    email: str
    kind: AccountKind
    customer: str | None = None


CAST: dict[str, Person] = {
    "ines": Person("Ines Hallgrim", "ines@hallgrim.example", AccountKind.ADMIN),
    "tomas": Person("Tomas Sato", "tomas@hallgrim.example", AccountKind.STAFF),
    "bea": Person("Bea Lindqvist", "bea@hallgrim.example", AccountKind.STAFF),
    "ruth": Person("Ruth Amadi", "ruth@hallgrim.example", AccountKind.COMPLIANCE),
    "ivo": Person("Ivo Marsh", "ivo@hallgrim.example", AccountKind.COMPLIANCE),
    "mara": Person("Mara Lindt", "mara@lindt.example", AccountKind.CUSTOMER, BAKERY),
    "jonas": Person("Jonas Lindt", "jonas@lindt.example", AccountKind.CUSTOMER, BAKERY),
    "ada": Person("Ada Okafor", "ada@okafor.example", AccountKind.CUSTOMER, SHIPPING),
    "piet": Person("Piet de Vries", "piet@okafor.example", AccountKind.CUSTOMER, SHIPPING),
    "noor": Person("Noor Haddad", "noor@kestrel.example", AccountKind.CUSTOMER, STUDIO),
}
