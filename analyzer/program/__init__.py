"""Facts about the program beyond one function: operations tables, prototypes, documented contracts, call names."""

from analyzer.program.contracts import (
    CallbackContract,
    ContractModel,
    Contracts,
    PagePosition,
    load_contract_model,
    merge_contracts,
    read_contracts,
    struct_operations,
)
from analyzer.program.names import call_names, call_order
from analyzer.program.operations import FileOperations, OperationBinding, read_operations
from analyzer.program.prototypes import Prototype, prototype_of
from analyzer.program.struct_fields import pointer_owners, struct_members

__all__ = [
    "CallbackContract",
    "ContractModel",
    "Contracts",
    "FileOperations",
    "OperationBinding",
    "PagePosition",
    "Prototype",
    "call_names",
    "call_order",
    "load_contract_model",
    "merge_contracts",
    "pointer_owners",
    "prototype_of",
    "read_contracts",
    "read_operations",
    "struct_members",
    "struct_operations",
]
