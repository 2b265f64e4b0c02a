"""
Owns what a service wants to know of a customer, beyond a name and an address.

Leaves what a value of it may look like to the edge.
"""

from collections.abc import Mapping, Sequence

from server.domain.appointment import CustomerDetails
from server.domain.catalogue import Service


def by_label(answers: Mapping[str, str], questions: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """*answers* under the words that were asked; under their keys where the service does not ask that any more."""
    labels = {str(question["key"]): str(question.get("label") or question["key"]) for question in questions}
    said: dict[str, str] = {}
    for key, answer in answers.items():
        label = labels.get(key, key)
        said[f"{label} ({key})" if label in said else label] = answer
    return said


def missing_details(service: Service, customer: CustomerDetails, answers: Mapping[str, str]) -> list[tuple[str, str]]:
    """
    What *service* needs and did not get, or got and never asked for.

    Returns:
        JSON pointers into the booking, each with a sentence.
    """
    found = []
    if service.phone_required and not customer.phone:
        found.append(("/customer/phone", "This service needs a phone number."))
    asked = {str(question["key"]): question for question in service.questions}
    for key, question in asked.items():
        answer = answers.get(key, "").strip()
        possible = _possible(question)
        if question.get("required") and not answer:
            found.append((f"/answers/{key}", f"Please answer: {question.get('label', key)}"))
        elif answer and possible and answer not in possible:
            found.append((f"/answers/{key}", f"Must be one of: {', '.join(possible)}"))
    found += [(f"/answers/{key}", "This service does not ask that.") for key in answers if key not in asked]
    return found


def _possible(question: Mapping[str, object]) -> Sequence[str]:
    """The answers that *question* can have; none where it is free text."""
    options = question.get("options")
    if question.get("kind") == "choice" and isinstance(options, list):
        return [str(option) for option in options]
    return ("yes", "no") if question.get("kind") == "yes_no" else ()
