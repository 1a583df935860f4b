// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

// Written by `talea contracts build` from the constants of circuits/src/transcript/poseidon.rs.

import {SCALAR_MODULUS} from "./StatementWords.sol";

/// @title Digest of a policy
/// @notice What a statement says of a policy, as the circuit computes it: a sponge over Poseidon of width 4 over the
/// scalar field, x⁵, 8 full and 56 partial rounds.
/// @dev Partial rounds have one constant. What the reference adds to their other words passes no S-box there, so it is
/// added, times the matrix, to the constants that follow.
library PolicyDigest {
    /// @dev What the capacity begins as: BLAKE3 of "talea 1 policy" as a little-endian integer, mod r.
    uint256 private constant CAPACITY = 0x1f4b9cb032a94508d9cb7a324a465614bca6b492545140962c28f704767006e3;

    /// @dev Words of a policy: the power, then five shares.
    uint256 private constant WORDS = 6;

    /// @dev Words of the state that are absorbed.
    uint256 private constant RATE = 3;

    /// @dev Rounds in which every word passes the S-box, before and after those in which the first word alone does.
    uint256 private constant HALF = 4;

    /// @dev All rounds.
    uint256 private constant ROUNDS = 64;

    /// @dev Constants of all rounds in order, 4 of a full one and one of a partial one.
    bytes private constant CONSTANTS =
        hex"19b849f69450b06848da1d39bd5e4a4302bb86744edc26238b0878e269ed23e5"
        hex"265ddfe127dd51bd7239347b758f0a1320eb2cc7450acc1dad47f80c8dcf34d6"
        hex"199750ec472f1809e0f66a545e1e51624108ac845015c2aa3dfc36bab497d8aa"
        hex"157ff3fe65ac7208110f06a5f74302b14d743ea25067f0ffd032f787c7f1cdf8"
        hex"2e49c43c4569dd9c5fd35ac45fca33f10b15c590692f8beefe18f4896ac94902"
        hex"0e35fb89981890520d4aef2b6d6506c3cb2f0b6973c24fa82731345ffa2d1f1e"
        hex"251ad47cb15c4f1105f109ae5e944f1ba9d9e7806d667ffec6fe723002e0b996"
        hex"13da07dc64d428369873e97160234641f8beb56fdd05e5f3563fa39d9c22df4e"
        hex"0c009b84e650e6d23dc00c7dccef7483a553939689d350cd46e7b89055fd4738"
        hex"011f16b1c63a854f01992e3956f42d8b04eb650c6d535eb0203dec74befdca06"
        hex"0ed69e5e383a688f209d9a561daa79612f3f78d0467ad45485df07093f367549"
        hex"04dba94a7b0ce9e221acad41472b6bbe3aec507f5eb3d33f463672264c9f789b"
        hex"0a3f2637d840f3a16eb094271c9d237b6036757d4bb50bf7ce732ff1d4fa28e8"
        hex"259a666f129eea198f8a1c502fdb38fa39b1f075569564b6e54a485d1182323f"
        hex"28bf7459c9b2f4c6d8e7d06a4ee3a47f7745d4271038e5157a32fdf7ede0d6a1"
        hex"0a1ca941f057037526ea200f489be8d4c37c85bbcce6a2aeec91bd6941432447"
        hex"0c6f8f958be0e93053d7fd4fc54512855535ed1539f051dcb43a26fd926361cf"
        hex"2620ffb7054283939d0039e1df8be66a238597446f6446554dc01dc606d243e8"
        hex"1918338baf6f53cc6edbb1302c48561f6d2cd705ba68dbf992173ed731e76316"
        hex"0682a62b61afb59f5bc3df2e05c4874989004b8a59233f7f09af8a19d2015bba"
        hex"0c8b4b28b258a739ce8fc43bf31901399ec4047ccc322a6fc8f3190ebaf29fca"
        hex"13cd5e6734d35efbcad0fed865624c3815f1fb006f27b4b15cbe9481ffabb428"
        hex"2d671a6092b96a4c41eabee8684f615242d599fbf0912549ee12cfd668ddeb55"
        hex"1f18b46a12125fd17ae50faba6bbd873700fda2b394a3b81ab66a01bf386cf1b"
        hex"1089984010410b8e122db6504471d6758841a8d48316439d487aa50c864fb3cb"
        hex"2c88ec19d367c3c3580f68203499cc5a6182611d27a8d7c56cb6a16a20626c05"
        hex"1ab987820ba5b8fbf3c5213e062f723d02f9b62b9f24ae3bb0a60d8960cb4205"
        hex"0e0cca528aafd8376c29d1c46eee7dc91870fe921d8461aaceb82dd58be44dfb"
        hex"162f411c623ded1b29fb59c0bef865c76096621d5264a7712dcc9f1a1da1b0e8"
        hex"2afba7e4e4a7509760569e244f5bc1195386bcc59f1c111bee8127a09ea7bad3"
        hex"00141a6bf1995aa9734f123b23fda8ed81bd87a33c7129b3c37e3cd1d92e185d"
        hex"19972ee0f14bd2106924669e40624c97033aba00aa63d38617e4c13d3a6f3a9b"
        hex"0ae0372903519bf27428d0ec2fd62f360f8a05ab7b29674d48d6bf178c43deba"
        hex"26a05557d77fb298233a538219bd1fa3a2c8bd82d1fbd9fe7c8aec8ab5ff1ca9"
        hex"24e11cc7f16f2c3dc2139b9def557d0c0959b9ddc79fc596238858da342d07f8"
        hex"1f9984ac4406b6c2049e227a3a0080be16fb290ba96b0fe48a09a9a38e57159a"
        hex"214b44cce576b3ad17100e015a334443d2653b53c21112b55287a181fb1d61f1"
        hex"14d9fd2141ae6e001a8a1f433ee1915172c529b0d88d03ec0a30e0fe3fb8f772"
        hex"18a5dec339c72bfff87df6bc470ec6c840a70ed30f7566a7d6a4fccf5d69734e"
        hex"253e1a54466a03df7dd4185ed7a1116fe68b6889e58d08df2b39b6b5a5cd169a"
        hex"053df287b83bb930321b3ed8a18a3f765caf985dfcf1479f5225d3a610485ad2"
        hex"08a30c3bd393c0a41c1f9c898b117c6cb88ff60d09612d83fdd15e098d18dd03"
        hex"21bf4a5953847544da72116c1381d84e3dc071472f65197d88b6bf71d3575146"
        hex"0ec48b08737d17830a72420f33b2a37206cc717642ed264ced3fb0aea0156fc8"
        hex"27a96e85721d29b9bee7046267d26e2f3544d89cea1c589b931cd3f7b0fa2dca"
        hex"11eb029b3dc117795cab5d98ef46637e025a548937a473d0a2906ef68544e09d"
        hex"1a5b62a16708e3e988528d6558addcf5dc1914d268c1fd8d4d22167d48717168"
        hex"2aec558198288e192be0e9a2667f2f43691e386d1d6f50cd815bdddd16699704"
        hex"27c383c5576389cf7c7d3cabb0e594bfc88c0e40d8b4c084582e805222a343f9"
        hex"00598ad4b7cd69be53e656618d9ae7d6d35da16fd83d0fd015cf60463790bbd6"
        hex"231f01a278bbb91952064101d73e8c798a2d3764ee70a5466ad9a10d537e3d00"
        hex"08cdf5ba46bd58bc78385439c73bab3a00610b9484b2386abb5bedc16a9badad"
        hex"288645e132ce797ecdf907d4c70dc1e1509af366b80974bdd4a8baaac0c58673"
        hex"24bf62a2c9064a1544eb495510a0ee54b73939c5eb936435d86bca9441444e73"
        hex"05b0d7f549fe91e81590f8d9d7658efa4053b8d3b0a961350d582e8e617bfcbc"
        hex"21a4bf8724bad6f6aed2db84b55b8aba92a357fc2b4c88b77bc105cb320f38ad"
        hex"11329b1f8532ffdd44f866f4c8256b674b3e35fe3fc254880453960529b298dc"
        hex"12bf1a2320a87a0e5fd27fb4bdb0f7e73c37d91905d941ea714291d87be271ca"
        hex"18fd8831e849957236775b7fd2272cb6b3a412ff9d13ada916dd76f1330f91a0"
        hex"1fcc2f7b5fef0acf6f471fcab040d1447a8610a46dbbfb9e64c71a7524c44e52"
        hex"120fb520b04c18dfdfbea82b5f224dc9f010f087c5e993c94a9f762e802c3e0b"
        hex"294c6b29bdc3c4f84f0b64fdf677285e035722c5e8d159667ed4780d973f4e4b"
        hex"03982bb48358c9955e8ea1e5110f57e1a302dc3240a6740ae05737b9b96427ae"
        hex"1fed757b01b983354c22d6f7761b50fac2521813b177c5b01c11965f60e453a8"
        hex"0954da6a1ea9f311f70c494030bd2aa6a5f82b1e34b1f285ef3f8282bc712095"
        hex"10d57356cb7466c5b47eafc87af1fff7b6b47aaeccd88e3544aed48a4eb5ebdb"
        hex"1eb7a54849270a8eb708253bb397b53791c03bf57a948f7fe8471f6f9f754f09"
        hex"095869e7453a25e8cee1e78df248305cb9cd3bcfa08c9e1b878bf46e1cf179b2"
        hex"08f73b54f79e79aa0e61f24a613ea74aa187473f731ab7ea0569a5e6978c43ca"
        hex"241b2f89751eeb6223797927d042164e1221e79543fb23abc5f7a73e8f0d0983"
        hex"21578d8849f852d17a15ec016bc74f3a3291c89055fe92a01db764fb772c9db3"
        hex"1be16804edee366e87869c21a1f56fb1aed3eda0cc5aa513bb23b9d96857d7a7"
        hex"0a62a6b7bab08de4c593a56ab8e79679f66635d7bc9ec1f88185129c1deef275"
        hex"27280cb430ae20157e4779a79e2bd01d416597bc64db68deb1ce0d4e516a6790"
        hex"0d852b3d6ae0d5db346f7a8e31919df15e8d0bebbf60e71c629e30f38e4a1fe8"
        hex"1bff7a539e8446b2936e31803303cc6fb936e1044079a3ceb00f8fea7cf90451"
        hex"2d1bd78fa90e77aa88830cabfef2f8d27d1a512050ba7db0753c8fb863efb387"
        hex"065610c6f4f92491f423d3071eb83539f7c0d49c1387062e630d7fd283dc3394"
        hex"2d933ff19217a5545013b12873452bebcc5f9969033f15ec642fb464bd607368"
        hex"1aa9d3fe4c644910f76b92b3e13b30d500dae5354e79508c3c49c8aa99e0258b"
        hex"027ef04869e482b1c748638c59111c6b27095fa773e1aca078cea1f1c8450bdd"
        hex"2b7d524c5172cbbb15db4e00668a8c449f67a2605d9ec03802e3fa136ad0b8fb"
        hex"0c7c382443c6aa787c8718d86747c7f74693ae25b1e55df13f7c3c1dd735db0f"
        hex"00b4567186bc3f7c62a7b56acf4f76207a1f43c2d30d0fe4a627dcdd9bd79078"
        hex"1e41fc29b825454fe6d61737fe08b47fb07fe739e4c1e61d0337490883db4fd5"
        hex"12507cd556b7bbcc72ee6dafc616584421e1af872d8c0e89002ae8d3ba0653b6"
        hex"13d437083553006bcef312e5e6f52a5d97eb36617ef36fe4d77d3e97f71cb5db"
        hex"163ec73251f85443687222487dda9a65467d90b22f0b38664686077c6a4486d5";

    /// @dev The matrix, row by row.
    uint256 private constant M00 = 0x236d13393ef85cc48a351dd786dd7a1de5e39942296127fd87947223ae5108ad;
    uint256 private constant M01 = 0x277686494f7644bbc4a9b194e10724eb967f1dc58718e59e3cedc821b2a7ae19;
    uint256 private constant M02 = 0x023db68784e3f0cc0b85618826a9b3505129c16479973b0a84a4529e66b09c62;
    uint256 private constant M03 = 0x1d359d245f286c12d50d663bae733f978af08cdbd63017c57b3a75646ff382c1;
    uint256 private constant M10 = 0x2a75a171563b807db525be259699ab28fe9bc7fb1f70943ff049bc970e841a0c;
    uint256 private constant M11 = 0x083abff5e10051f078e2827d092e1ae808b4dd3e15ccc3706f38ce4157b6770e;
    uint256 private constant M12 = 0x1a5ad71bbbecd8a97dc49cfdbae303ad24d5c4741eab8b7568a9ff8253a1eb6f;
    uint256 private constant M13 = 0x0d745fd00dd167fb86772133640f02ce945004a7bc2c59e8790f725c5d84f0af;
    uint256 private constant M20 = 0x2070679e798782ef592a52ca9cef820d497ad2eecbaa7e42f366b3e521c4ed42;
    uint256 private constant M21 = 0x2e18c8570d20bf5df800739a53da75d906ece318cd224ab6b3a2be979e2d7eab;
    uint256 private constant M22 = 0x0fa86f0f27e4d3dd7f3367ce86f684f1f2e4386d3e5b9f38fa283c6aa723b608;
    uint256 private constant M23 = 0x03f3e6fab791f16628168e4b14dbaeb657035ee3da6b2ca83f0c2491e0b403eb;
    uint256 private constant M30 = 0x2f545e578202c9732488540e41f783b68ff0613fd79375f8ba8b3d30958e7677;
    uint256 private constant M31 = 0x23810bf82877fc19bff7eefeae3faf4bb8104c32ba4cd701596a15623d01476e;
    uint256 private constant M32 = 0x014fcd5eb0be6d5beeafc4944034cf321c068ef930f10be2207ed58d2a34cdd6;
    uint256 private constant M33 = 0x00c15fc3a1d5733dd835eae0823e377f8ba4a8b627627cc2bb661c25d20fb52a;

    /// @notice The digest of a policy.
    /// @param power What ranks are raised to.
    /// @param bps Basis points: contributors, then adapter owner, base-model owner, node, treasury.
    function digest(uint8 power, uint16[5] memory bps) internal pure returns (uint256) {
        uint256[88] memory constants = abi.decode(CONSTANTS, (uint256[88]));
        uint256[WORDS + 1] memory words = [WORDS, power, bps[0], bps[1], bps[2], bps[3], bps[4]];
        uint256[4] memory state;
        state[0] = CAPACITY;
        for (uint256 i = 0; i <= WORDS; i++) {
            uint256 slot = i % RATE;
            if (i > 0 && slot == 0) _permute(state, constants);
            state[1 + slot] = addmod(state[1 + slot], words[i], SCALAR_MODULUS);
        }
        _permute(state, constants);
        return state[1];
    }

    /// @dev The permutation, in place.
    function _permute(uint256[4] memory state, uint256[88] memory constants) private pure {
        uint256 next;
        for (uint256 round = 0; round < ROUNDS; round++) {
            bool full = round < HALF || round >= ROUNDS - HALF;
            uint256 raised = full ? 4 : 1;
            for (uint256 i = 0; i < raised; i++) {
                state[i] = _fifth(addmod(state[i], constants[next], SCALAR_MODULUS));
                next++;
            }
            _mix(state);
        }
    }

    function _fifth(uint256 x) private pure returns (uint256) {
        uint256 square = mulmod(x, x, SCALAR_MODULUS);
        return mulmod(mulmod(square, square, SCALAR_MODULUS), x, SCALAR_MODULUS);
    }

    /// @dev The matrix times the state.
    function _mix(uint256[4] memory state) private pure {
        (uint256 a, uint256 b, uint256 c, uint256 d) = (state[0], state[1], state[2], state[3]);
        state[0] = _dot(a, b, c, d, M00, M01, M02, M03);
        state[1] = _dot(a, b, c, d, M10, M11, M12, M13);
        state[2] = _dot(a, b, c, d, M20, M21, M22, M23);
        state[3] = _dot(a, b, c, d, M30, M31, M32, M33);
    }

    function _dot(uint256 a, uint256 b, uint256 c, uint256 d, uint256 m0, uint256 m1, uint256 m2, uint256 m3)
        private
        pure
        returns (uint256)
    {
        uint256 first = addmod(mulmod(a, m0, SCALAR_MODULUS), mulmod(b, m1, SCALAR_MODULUS), SCALAR_MODULUS);
        uint256 second = addmod(mulmod(c, m2, SCALAR_MODULUS), mulmod(d, m3, SCALAR_MODULUS), SCALAR_MODULUS);
        return addmod(first, second, SCALAR_MODULUS);
    }
}
