// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Settlement} from "../src/Settlement.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice Digests against vectors/eip712.json, which eth-account made.
contract Eip712Test is Fixture {
    /// @dev A settlement at the address that a vector names, on the chain that it names.
    function settlementAt(address where, uint256 chain) private {
        vm.chainId(chain);
        vm.etch(where, abi.encodePacked(type(Settlement).creationCode, abi.encode(settlementSetup())));
        (bool done, bytes memory code) = where.call("");
        vm.assertTrue(done);
        vm.etch(where, code);
        settlement = Settlement(where);
    }

    function test_vouchers_are_those_of_the_vectors() public {
        string memory json = vm.readFile("../vectors/eip712.json");
        string[3] memory cases = ["1", "3", "5"];
        for (uint256 i = 0; i < cases.length; ++i) {
            string memory at_ = string.concat(".cases[", cases[i], "]");
            string memory m = string.concat(at_, ".message.");
            settlementAt(
                vm.parseJsonAddress(json, string.concat(at_, ".contract")),
                vm.parseJsonUint(json, string.concat(at_, ".chain_id"))
            );
            address signer = vm.parseJsonAddress(json, string.concat(m, "payer"));
            bytes32 digest = settlement.voucherDigest(
                signer,
                vm.parseJsonAddress(json, string.concat(m, "node")),
                bytes32(hexOf(json, string.concat(m, "adapter"))),
                uint128(numberOf(json, string.concat(m, "cumulative"))),
                uint64(numberOf(json, string.concat(m, "timestamp"))),
                uint64(numberOf(json, string.concat(m, "nonce")))
            );
            vm.assertEq(digest, bytes32(hexOf(json, string.concat(at_, ".digest"))));
            vm.assertEq(ECDSA.recover(digest, hexOf(json, string.concat(at_, ".signatures[0]"))), signer);
        }
    }

    function test_attestations_are_as_documented() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Talea"),
                keccak256("1"),
                block.chainid,
                address(settlement)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Attestation(address node,uint64 nonce,bytes32 inputs,bytes32 requests,bytes32 receipts)"),
                NODE,
                uint64(7),
                bytes32(uint256(11)),
                bytes32(uint256(12)),
                bytes32("receipts")
            )
        );
        vm.assertEq(
            settlement.attestationDigest(NODE, 7, 11, 12, "receipts"),
            keccak256(abi.encodePacked(hex"1901", domain, message))
        );
    }

    function hexOf(string memory json, string memory key) private pure returns (bytes memory) {
        return vm.parseBytes(string.concat("0x", vm.parseJsonString(json, key)));
    }

    function numberOf(string memory json, string memory key) private pure returns (uint256) {
        return vm.parseUint(vm.parseJsonString(json, key));
    }
}
