"""Where a point is on an OPC UA device: its node's browse path, the methods that set it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.profiles.draft import Draft
from gateway.profiles.pointform import NodeStepForm, ParamStepForm, PointForm
from gateway.profiles.schema import MethodCall, PathStep
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

IDENTIFIER = re.compile(r"i=[0-9]{1,10}|s=.{1,4096}|g=[0-9A-Fa-f-]{36}|b=[A-Za-z0-9+/=]{1,4096}", re.DOTALL)
"""A node's identifier without its namespace (OPC 10000-6, 5.3.1.10)."""
Steps = Sequence[str | ParamStepForm | NodeStepForm]


class Refuse(Protocol):
    """Notes what is wrong with a key of the point."""

    def __call__(self, key: str, code: str, message: str, **more: str) -> None:
        """At its value."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """The node of one point."""

    draft: Draft
    form: PointForm
    path: KeyPath
    refuse: Refuse

    def browse_path(self, *, opcua: bool) -> tuple[PathStep, ...]:
        """From Objects to the node that holds its value; empty where there is none."""
        if not opcua or self.draft.form.ua is None:
            if self.form.path is not None:
                self.refuse("path", "wrong_protocol", say("problem.register_path"), remedy=say("remedy.at_or_ua"))
            return ()
        if self.form.path is None:
            if self.form.call is None:
                remedy = say("remedy.add_path")
                self.draft.refuse_key(self.path, "missing_key", say("problem.missing_path"), remedy=remedy)
            return ()
        return self._whole(self.form.path, (*self.path, "path"))

    def calls(self, *, opcua: bool) -> tuple[MethodCall, ...]:
        """The methods that set it."""
        given = self.form.call
        if given is None:
            return ()
        if not opcua:
            self.refuse("call", "wrong_protocol", say("problem.ua_methods"), remedy=say("remedy.at_or_ua"))
            return ()
        path = (*self.path, "call")
        if isinstance(given, dict):
            return tuple(self._call(steps, (*path, raw), float(raw)) for raw, steps in given.items())
        return (self._call(given, path, None),)

    def access(self) -> str:
        """Of what a method sets: written, and read where it has a node."""
        usual = "w" if self.form.path is None else "rw"
        if self.form.access not in (None, usual):
            self.refuse(
                "access",
                "bad_form",
                say("problem.method_access", access=usual),
                remedy=say("remedy.write_access", access=usual),
            )
        return usual

    def _call(self, steps: Steps, at_path: KeyPath, when: float | None) -> MethodCall:
        root = self.draft.form.ua.root if self.draft.form.ua else []
        if len(root) + len(steps) < 2:
            remedy = say("remedy.method_path")
            self.refuse("call", "bad_form", say("problem.method_object"), remedy=remedy)
        return MethodCall(self._whole(steps, at_path), when)

    def _whole(self, given: Steps, at_path: KeyPath) -> tuple[PathStep, ...]:
        """From Objects: the device's root, then the steps given; or from the node they begin with."""
        ua = self.draft.form.ua
        root = [self._step(step, ("ua", "root", at)) for at, step in enumerate(ua.root if ua else ())]
        own = [self._step(step, (*at_path, at)) for at, step in enumerate(given)]
        steps = own if own and own[0] is not None and own[0].node else root + own
        for at, step in enumerate(steps):
            if at and step is not None and step.node:
                self.draft.refuse(at_path, "bad_form", say("problem.node_not_first"), remedy=say("remedy.node_first"))
        return tuple(step for step in steps if step)

    def _step(self, step: str | ParamStepForm | NodeStepForm, path: KeyPath) -> PathStep | None:
        ua = self.draft.form.ua
        assert ua is not None
        node = isinstance(step, NodeStepForm) or (isinstance(step, ParamStepForm) and step.node)
        if isinstance(step, ParamStepForm):
            prefix, name, param = step.namespace or "", step.param, True
            for wanted in (name, step.namespace_param):
                if wanted is not None and wanted not in self.draft.form.params:
                    message = say("problem.no_parameter", name=wanted)
                    self.draft.refuse(path, "unknown_param", message, remedy=say("remedy.add_param"))
            if step.namespace_param is not None:
                return PathStep(step.namespace_param, name, param=True, namespace_param=True, node=node)
        else:
            prefix, colon, name = (step.node if isinstance(step, NodeStepForm) else step).partition(":")
            param = False
            if node and not is_identifier(name):
                self.draft.refuse(path, "bad_form", say("problem.no_node_id", name=name), remedy=say("remedy.node_id"))
                return None
            if not colon:
                self.draft.refuse(path, "bad_form", say("problem.no_prefix"), remedy=say("remedy.prefix"))
                return None
        uri = ua.namespaces.get(prefix)
        if uri is None:
            near = nearest(prefix, list(ua.namespaces))
            self.draft.refuse(path, "unknown_namespace", say("problem.no_namespace", prefix=prefix), nearest=near)
            return None
        return PathStep(uri, name, param, node=node)


def is_identifier(text: str) -> bool:
    """Whether it is a node's identifier: `i=42`, `s=Line1.Power`, `g=…`, `b=…`."""
    return IDENTIFIER.fullmatch(text) is not None
