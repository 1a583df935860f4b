// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {SCALAR_MODULUS} from "./StatementWords.sol";

/// @title Digest of a policy
/// @notice The circuit's sponge over a policy's words: Poseidon of width 4 over the scalar field, x⁵, 8 full and 56
/// partial rounds, with the constants of circuits/src/transcript/poseidon.rs.
library PolicyDigest {
    /// @dev BLAKE3 of "talea 1 policy" as a little-endian integer, mod r: what the sponge's capacity begins as.
    uint256 private constant TAG = 0x1f4b9cb032a94508d9cb7a324a465614bca6b492545140962c28f704767006e3;

    /// @dev Words of a policy: the exponent, then five shares.
    uint256 private constant WORDS = 6;

    /// @dev Rounds, and how many of them raise every word: half before and half after the others.
    uint256 private constant ROUNDS = 64;
    uint256 private constant FULL_ROUNDS = 8;

    /// @dev A constant for each word of each round.
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
        hex"123106a93cd17578d426e8128ac9d90aa9e8a00708e296e084dd57e69caaf811"
        hex"26e1ba52ad9285d97dd3ab52f8e840085e8fa83ff1e8f1877b074867cd2dee75"
        hex"1cb55cad7bd133de18a64c5c47b9c97cbe4d8b7bf9e095864471537e6a4ae2c5"
        hex"1dcd73e46acd8f8e0e2c7ce04bde7f6d2a53043d5060a41c7143f08e6e9055d0"
        hex"011003e32f6d9c66f5852f05474a4def0cda294a0eb4e9b9b12b9bb4512e5574"
        hex"2b1e809ac1d10ab29ad5f20d03a57dfebadfe5903f58bafed7c508dd2287ae8c"
        hex"2539de1785b735999fb4dac35ee17ed0ef995d05ab2fc5faeaa69ae87bcec0a5"
        hex"0c246c5a2ef8ee0126497f222b3e0a0ef4e1c3d41c86d46e43982cb11d77951d"
        hex"192089c4974f68e95408148f7c0632edbb09e6a6ad1a1c2f3f0305f5d03b527b"
        hex"1eae0ad8ab68b2f06a0ee36eeb0d0c058529097d91096b756d8fdc2fb5a60d85"
        hex"179190e5d0e22179e46f8282872abc88db6e2fdc0dee99e69768bd98c5d06bfb"
        hex"29bb9e2c9076732576e9a81c7ac4b83214528f7db00f31bf6cafe794a9b3cd1c"
        hex"225d394e42207599403efd0c2464a90d52652645882aac35b10e590e6e691e08"
        hex"064760623c25c8cf753d238055b444532be13557451c087de09efd454b23fd59"
        hex"10ba3a0e01df92e87f301c4b716d8a394d67f4bf42a75c10922910a78f6b5b87"
        hex"0e070bf53f8451b24f9c6e96b0c2a801cb511bc0c242eb9d361b77693f21471c"
        hex"1b94cd61b051b04dd39755ff93821a73ccd6cb11d2491d8aa7f921014de252fb"
        hex"1d7cb39bafb8c744e148787a2e70230f9d4e917d5713bb050487b5aa7d74070b"
        hex"2ec93189bd1ab4f69117d0fe980c80ff8785c2961829f701bb74ac1f303b17db"
        hex"2db366bfdd36d277a692bb825b86275beac404a19ae07a9082ea46bd83517926"
        hex"062100eb485db06269655cf186a68532985275428450359adc99cec6960711b8"
        hex"0761d33c66614aaa570e7f1e8244ca1120243f92fa59e4f900c567bf41f5a59b"
        hex"20fc411a114d13992c2705aa034e3f315d78608a0f7de4ccf7a72e494855ad0d"
        hex"25b5c004a4bdfcb5add9ec4e9ab219ba102c67e8b3effb5fc3a30f317250bc5a"
        hex"23b1822d278ed632a494e58f6df6f5ed038b186d8474155ad87e7dff62b37f4b"
        hex"22734b4c5c3f9493606c4ba9012499bf0f14d13bfcfcccaa16102a29cc2f69e0"
        hex"26c0c8fe09eb30b7e27a74dc33492347e5bdff409aa3610254413d3fad795ce5"
        hex"070dd0ccb6bd7bbae88eac03fa1fbb26196be3083a809829bbd626df348ccad9"
        hex"12b6595bdb329b6fb043ba78bb28c3bec2c0a6de46d8c5ad6067c4ebfd4250da"
        hex"248d97d7f76283d63bec30e7a5876c11c06fca9b275c671c5e33d95bb7e8d729"
        hex"1a306d439d463b0816fc6fd64cc939318b45eb759ddde4aa106d15d9bd9baaaa"
        hex"28a8f8372e3c38daced7c00421cb4621f4f1b54ddc27821b0d62d3d6ec7c56cf"
        hex"0094975717f9a8a8bb35152f24d43294071ce320c829f388bc852183e1e2ce7e"
        hex"04d5ee4c3aa78f7d80fde60d716480d3593f74d4f653ae83f4103246db2e8d65"
        hex"2a6cf5e9aa03d4336349ad6fb8ed2269c7bef54b8822cc76d08495c12efde187"
        hex"2304d31eaab960ba9274da43e19ddeb7f792180808fd6e43baae48d7efcba3f3"
        hex"03fd9ac865a4b2a6d5e7009785817249bff08a7e0726fcb4e1c11d39d199f0b0"
        hex"00b7258ded52bbda2248404d55ee5044798afc3a209193073f7954d4d63b0b64"
        hex"159f81ada0771799ec38fca2d4bf65ebb13d3a74f3298db36272c5ca65e92d9a"
        hex"1ef90e67437fbc8550237a75bc28e3bb9000130ea25f0c5471e144cf4264431f"
        hex"1e65f838515e5ff0196b49aa41a2d2568df739bc176b08ec95a79ed82932e30d"
        hex"2b1b045def3a166cec6ce768d079ba74b18c844e570e1f826575c1068c94c33f"
        hex"0832e5753ceb0ff6402543b1109229c165dc2d73bef715e3f1c6e07c168bb173"
        hex"02f614e9cedfb3dc6b762ae0a37d41bab1b841c2e8b6451bc5a8e3c390b6ad16"
        hex"0e2427d38bd46a60dd640b8e362cad967370ebb777bedff40f6a0be27e7ed705"
        hex"0493630b7c670b6deb7c84d414e7ce79049f0ec098c3c7c50768bbe29214a53a"
        hex"22ead100e8e482674decdab17066c5a26bb1515355d5461a3dc06cc85327cea9"
        hex"25b3e56e655b42cdaae2626ed2554d48583f1ae35626d04de5084e0b6d2a6f16"
        hex"1e32752ada8836ef5837a6cde8ff13dbb599c336349e4c584b4fdc0a0cf6f9d0"
        hex"2fa2a871c15a387cc50f68f6f3c3455b23c00995f05078f672a9864074d412e5"
        hex"2f569b8a9a4424c9278e1db7311e889f54ccbf10661bab7fcd18e7c7a7d83505"
        hex"044cb455110a8fdd531ade530234c518a7df93f7332ffd2144165374b246b43d"
        hex"227808de93906d5d420246157f2e42b191fe8c90adfe118178ddc723a5319025"
        hex"02fcca2934e046bc623adead873579865d03781ae090ad4a8579d2e7a6800355"
        hex"0ef915f0ac120b876abccceb344a1d36bad3f3c5ab91a8ddcbec2e060d8befac"
        hex"1797130f4b7a3e1777eb757bc6f287f6ab0fb85f6be63b09f3b16ef2b1405d38"
        hex"0a76225dc04170ae3306c85abab59e608c7f497c20156d4d36c668555decc6e5"
        hex"1fffb9ec1992d66ba1e77a7b93209af6f8fa76d48acb664796174b5326a31a5c"
        hex"25721c4fc15a3f2853b57c338fa538d85f8fbba6c6b9c6090611889b797b9c5f"
        hex"0c817fd42d5f7a41215e3d07ba197216adb4c3790705da95eb63b982bfcaf75a"
        hex"13abe3f5239915d39f7e13c2c24970b6df8cf86ce00a22002bc15866e52b5a96"
        hex"2106feea546224ea12ef7f39987a46c85c1bc3dc29bdbd7a92cd60acb4d391ce"
        hex"21ca859468a746b6aaa79474a37dab49f1ca5a28c748bc7157e1b3345bb0f959"
        hex"05ccd6255c1e6f0c5cf1f0df934194c62911d14d0321662a8f1a48999e34185b"
        hex"0f0e34a64b70a626e464d846674c4c8816c4fb267fe44fe6ea28678cb09490a4"
        hex"0558531a4e25470c6157794ca36d0e9647dbfcfe350d64838f5b1a8a2de0d4bf"
        hex"09d3dca9173ed2faceea125157683d18924cadad3f655a60b72f5864961f1455"
        hex"0328cbd54e8c0913493f866ed03d218bf23f92d68aaec48617d4c722e5bd4335"
        hex"2bf07216e2aff0a223a487b1a7094e07e79e7bcc9798c648ee3347dd5329d34b"
        hex"1daf345a58006b736499c583cb76c316d6f78ed6a6dffc82111e11a63fe412df"
        hex"176563472456aaa746b694c60e1823611ef39039b2edc7ff391e6f2293d2c404"
        hex"2ef1e0fad9f08e87a3bb5e47d7e33538ca964d2b7d1083d4fb0225035bd3f8db"
        hex"226c9b1af95babcf17b2b1f57c7310179c1803dec5ae8f0a1779ed36c817ae2a"
        hex"14bce3549cc3db7428126b4c3a15ae0ff8148c89f13fb35d35734eb5d4ad0def"
        hex"2debff156e276bb5742c3373f2635b48b8e923d301f372f8e550cfd4034212c7"
        hex"2d4083cf5a87f5b6fc2395b22e356b6441afe1b6b29c47add7d0432d1d4760c7"
        hex"0c225b7bcd04bf9c34b911262fdc9c1b91bf79a10c0184d89c317c53d7161c29"
        hex"03152169d4f3d06ec33a79bfac91a02c99aa0200db66d5aa7b835265f9c9c8f3"
        hex"0b61811a9210be78b05974587486d58bddc8f51bfdfebbb87afe8b7aa7d3199c"
        hex"203e000cad298daaf7eba6a5c5921878b8ae48acf7048f16046d637a533b6f78"
        hex"1a44bf0937c722d1376672b69f6c9655ba7ee386fda1112c0757143d1bfa9146"
        hex"0376b4fae08cb03d3500afec1a1f56acb8e0fde75a2106d7002f59c5611d4daa"
        hex"00780af2ca1cad6465a2171250fdfc32d6fc241d3214177f3d553ef363182185"
        hex"10774d9ab80c25bdeb808bedfd72a8d9b75dbe18d5221c87e9d857079bdc31d5"
        hex"10dc6e9c006ea38b04b1e03b4bd9490c0d03f98929ca1d7fb56821fd19d3b6e8"
        hex"00544b8338791518b2c7645a50392798b21f75bb60e3596170067d00141cac16"
        hex"222c01175718386f2e2e82eb122789e352e105a3b8fa852613bc534433ee428c"
        hex"2840d045e9bc22b259cfb8811b1e0f45b77f7bdb7f7e2b46151a1430f608e3c5"
        hex"062752f86eebe11a009c937e468c335b04554574c2990196508e01fa5860186b"
        hex"06041bdac48205ac87adb87c20a478a71c9950c12a80bc0a55a8e83eaaf04746"
        hex"04a533f236c422d1ff900a368949b0022c7a2ae092f308d82b1dcbbf51f5000d"
        hex"13e31d7a67232fd811d6a955b3d4f25dfe066d1e7dc33df04bde50a2b2d05b2a"
        hex"011c2683ae91eb4dfbc13d6357e8599a9279d1648ff2c95d2f79905bb13920f1"
        hex"0b0d219346b8574525b1a270e0b4cba5d56c928e3e2c2bd0a1ecaed015aaf6ae"
        hex"14abdec8db9c6dc970291ee638690209b65080781ef9fd13d84c7a726b5f1364"
        hex"1a0b70b4b26fdc28fcd32aa3d266478801eb12202ef47ced988d0376610be106"
        hex"278543721f96d1307b6943f9804e7fe56401deb2ef99c4d12704882e7278b607"
        hex"16eb59494a9776cf57866214dbd1473f3f0738a325638d8ba36535e011d58259"
        hex"2567a658a81ffb444f240088fa5524c69a9e53eeab6b7f8c41c3479dcf8c644a"
        hex"29aa1d7c151e9ad0a7ab39f1abd9cf77ab78e0215a5715a6b882ade840bb13d8"
        hex"15c091233e60efe0d4bbfce2b36415006a4f017f9a85388ce206b91f99f2c984"
        hex"16bd7d22ff858e5e0882c2c999558d77e7673ad5f1915f9feb679a8115f014cf"
        hex"02db50480a07be0eb2c2e13ed6ef4074c0182d9b668b8e08ffe6769250042025"
        hex"05e4a220e6a3bc9f7b6806ec9d6cdba186330ef2bf7adb4c13ba866343b73119"
        hex"1dda05ebc30170bc98cbf2a5ee3b50e8b5f70bc424d39fa4104d37f1cbcf7a42"
        hex"0184bef721888187f645b6fee3667f3c91da214414d89ba5cd301f22b0de8990"
        hex"1498a307e68900065f5e8276f62aef1c37414b84494e1577ad1a6d64341b78ec"
        hex"25f40f82b31dacc4f4939800b9d2c3eacef737b8fab1f864fe33548ad46bd49d"
        hex"09d317cc670251943f6f5862a30d2ea9e83056ce4907bfbbcb1ff31ce5bb9650"
        hex"2f77d77786d979b23ba4ce4a4c1b3bd0a41132cd467a86ab29b913b6cf3149d0"
        hex"0f53dafd535a9f4473dc266b6fccc6841bbd336963f254c152f89e785f729bbf"
        hex"25c1fd72e223045265c3a099e17526fa0e6976e1c00baf16de96de85deef2fa2"
        hex"2a902c8980c17faae368d385d52d16be41af95c84eaea3cf893e65d6ce4a8f62"
        hex"1ce1580a3452ecf302878c8976b82be96676dd114d1dc8d25527405762f83529"
        hex"24a6073f91addc33a49a1fa306df008801c5ec569609034d2fc50f7f0f4d0056"
        hex"25e52dbd6124530d9fc27fe306d71d4583e07ca554b5d1577f256c68b0be2b74"
        hex"23dffae3c423fa7a93468dbccfb029855974be4d0a7b29946796e5b6cd70f15d"
        hex"06342da370cc0d8c49b77594f6b027c480615d50be36243a99591bc9924ed6f5"
        hex"2754114281286546b75f09f115fc751b4778303d0405c1b4cc7df0d8e9f63925"
        hex"15c19e8534c5c1a8862c2bc1d119eddeabf214153833d7bdb59ee197f8187cf5"
        hex"265fe062766d08fab4c78d0d9ef3cabe366f3be0a821061679b4b3d2d77d5f3e"
        hex"13ccf689d67a3ec9f22cb7cd0ac3a327d377ac5cd0146f048debfd098d3ec7be"
        hex"17662f7456789739f81cd3974827a887d92a5e05bdf3fe6b9fbccca4524aaebd"
        hex"21b29c76329b31c8ef18631e515f7f2f82ca6a5cca70cee4e809fd624be7ad5d"
        hex"18137478382aadba441eb97fe27901989c06738165215319939eb17b01fa975c"
        hex"2bc07ea2bfad68e8dc724f5fef2b37c2d34f761935ffd3b739ceec4668f37e88"
        hex"2ddb2e376f54d64a563840480df993feb4173203c2bd94ad0e602077aef9a03e"
        hex"277eb50f2baa706106b41cb24c602609e8a20f8d72f613708adb25373596c3f7"
        hex"0d4de47e1aba34269d0c620904f01a56b33fc4b450c0db50bb7f87734c9a1fe5"
        hex"0b8442bfe9e4a1b4428673b6bd3eea6f9f445697058f134aae908d0279a29f0c"
        hex"11fe5b18fbbea1a86e06930cb89f7d4a26e186a65945e96574247fddb720f8f5"
        hex"224026f6dfaf71e24d25d8f6d9f90021df5b774dcad4d883170e4ad89c33a0d6"
        hex"0b2ca6a999fe6887e0704dad58d03465a96bc9e37d1091f61bc9f9c62bbeb824"
        hex"221b63d66f0b45f9d40c54053a28a06b1d0a4ce41d364797a1a7e0c96529f421"
        hex"30185c48b7b2f1d53d4120801b047d087493bce64d4d24aedce2f4836bb84ad4"
        hex"23f5d372a3f0e3cba989e223056227d3533356f0faa48f27f8267318632a61f0"
        hex"2716683b32c755fd1bf8235ea162b1f388e1e0090d06162e8e6dfbe4328f3e3b"
        hex"0977545836866fa204ca1d853ec0909e3d140770c80ac67dc930c69748d5d4bc"
        hex"1444e8f592bdbfd8025d91ab4982dd425f51682d31472b05e81c43c0f9434b31"
        hex"26e04b65e9ca8270beb74a1c5cb8fee8be3ffbfe583f7012a00f874e7718fbe3"
        hex"22a5c2fa860d11fe34ee47a5cd9f869800f48f4febe29ad6df69816fb1a914d2"
        hex"174b54d9907d8f5c6afd672a738f42737ec338f3a0964c629f7474dd44c5c8d7"
        hex"1db1db8aa45283f31168fa66694cf2808d2189b87c8c8143d56c871907b39b87"
        hex"1530bf0f46527e889030b8c7b7dfde126f65faf8cce0ab66387341d813d1bfd1"
        hex"0b73f613993229f59f01c1cec8760e9936ead9edc8f2814889330a2f2bade457"
        hex"29c25a22fe2164604552aaea377f448d587ab977fc8227787bd2dc0f36bcf41e"
        hex"2b30d53ed1759bfb8503da66c92cf4077abe82795dc272b377df57d77c875526"
        hex"12f6d703b5702aab7b7b7e69359d53a2756c08c85ede7227cf5f0a2916787cd2"
        hex"2520e18300afda3f61a40a0b8837293a55ad01071028d4841ffa9ac706364113"
        hex"1ec9daea860971ecdda8ed4f346fa967ac9bc59278277393c68f09fa03b8b95f"
        hex"0a99b3e178db2e2e432f5cd5bef8fe4483bf5cbf70ed407c08aae24b830ad725"
        hex"07cda9e63db6e39f086b89b601c2bbe407ee0abac3c817a1317abad7c5778492"
        hex"08c9c65a4f955e8952d571b191bb0adb49bd8290963203b35d48aab38f8fc3a3"
        hex"2737f8ce1d5a67b349590ddbfbd709ed9af54a2a3f2719d33801c9c17bdd9c9e"
        hex"1049a6c65ff019f0d28770072798e8b7909432bd0c129813a9f179ba627f7d6a"
        hex"18b4fe968732c462c0ea5a9beb27cecbde8868944fdf64ee60a5122361daeddb"
        hex"2ff2b6fd22df49d2440b2eaeeefa8c02a6f478cfcf11f1b2a4f7473483885d19"
        hex"2ec5f2f1928fe932e56c789b8f6bbcb3e8be4057cbd8dbd18a1b352f5cef42ff"
        hex"265a5eccd8b92975e33ad9f75bf3426d424a4c6a7794ee3f08c1d100378e545e"
        hex"2405eaa4c0bde1129d6242bb5ada0e68778e656cfcb366bf20517da1dfd4279c"
        hex"094c97d8c194c42e88018004cbbf2bc5fdb51955d8b2d66b76dd98a2dbf60417"
        hex"2c30d5f33bb32c5c22b9979a605bf64d508b705221e6a686330c9625c2afe0b8"
        hex"01a75666f6241f6825d01cc6dcb1622d4886ea583e87299e6aa2fc716fdb6cf5"
        hex"0a3290e8398113ea4d12ac091e87be7c6d359ab9a66979fcf47bf2e87d382fcb"
        hex"154ade9ca36e268dfeb38461425bb0d8c31219d8fa0dfc75ecd21bf69aa0cc74"
        hex"27aa8d3e25380c0b1b172d79c6f22eee99231ef5dc69d8dc13a4b5095d028772"
        hex"2cf4051e6cab48301a8b2e3bca6099d756bbdf485afa1f549d395bbcbd806461"
        hex"301e70f729f3c94b1d3f517ddff9f2015131feab8afa5eebb0843d7f84b23e71"
        hex"298beb64f812d25d8b4d9620347ab02332dc4cef113ae60d17a8d7a4c91f83bc"
        hex"1b362e72a5f847f84d03fd291c3c471ed1c14a15b221680acf11a3f02e46aa95"
        hex"0dc8a2146110c0b375432902999223d5aa1ef6e78e1e5ebcbc1d9ba41dc1c737"
        hex"0a48663b34ce5e1c05dc93092cb69778cb21729a72ddc03a08afa1eb922ff279"
        hex"0a87391fb1cd8cdf6096b64a82f9e95f0fe46f143b702d74545bb314881098ee"
        hex"1b5b2946f7c28975f0512ff8e6ca362f8826edd7ea9c29f382ba8a2a0892fd5d"
        hex"01001cf512ac241d47ebe2239219bc6a173a8bbcb8a5b987b4eac1f533315b6b"
        hex"2fd977c70f645db4f704fa7d7693da727ac093d3fb5f5febc72beb17d8358a32"
        hex"23c0039a3fab4ad3c2d7cc688164f39e761d5355c05444d99be763a97793a9c4"
        hex"19d43ee0c6081c052c9c0df6161eaac1aec356cf435888e79f27f22ff03fa25d"
        hex"2d9b10c2f2e7ac1afddccffd94a563028bf29b646d020830919f9d5ca1cefe59"
        hex"2457ca6c2f2aa30ec47e4aff5a66f5ce2799283e166fc81cdae2f2b9f83e4267"
        hex"0abc392fe85eda855820592445094022811ee8676ed6f0c3044dfb54a7c10b35"
        hex"19d2cc5ca549d1d40cebcd37f3ea54f31161ac3993acf3101d2c2bc30eac1eb0"
        hex"0f97ae3033ffa01608aafb26ae13cd393ee0e4ec041ba644a3d3ab546e98c9c8"
        hex"16dbc78fd28b7fb8260e404cf1d427a7fa15537ea4e168e88a166496e88cfeca"
        hex"240faf28f11499b916f085f73bc4f22eef8344e576f8ad3d1827820366d5e07b"
        hex"0a1bb075aa37ff0cfe6c8531e55e1770eaba808c8fdb6dbf46f8cab58d9ef1af"
        hex"2e47e15ea4a47ff1a6a853aaf3a644ca38d5b085ac1042fdc4a705a7ce089f4d"
        hex"166e5bf073378348860ca4a9c09d39e1673ab059935f4df35fb14528375772b6"
        hex"18b42d7ffdd2ea4faf235902f057a2740cacccd027233001ed10f96538f0916f"
        hex"089cb1b032238f5e4914788e3e3c7ead4fc368020b3ed38221deab1051c37702"
        hex"242acd3eb3a2f72baf7c7076dd165adf89f9339c7b971921d9e70863451dd8d1"
        hex"174fbb104a4ee302bf47f2bd82fce896eac9a068283f326474af860457245c3b"
        hex"17340e71d96f466d61f3058ce092c67d2891fb2bb318613f780c275fe1116c6b"
        hex"1e8e40ac853b7d42f00f2e383982d024f098b9f8fd455953a2fd380c4df7f6b2"
        hex"0529898dc0649907e1d4d5e284b8d1075198c55cad66e8a9bf40f92938e2e961"
        hex"2162754db0baa030bf7de5bb797364dce8c77aa017ee1d7bf65f21c4d4e5df8f"
        hex"12c7553698c4bf6f3ceb250ae00c58c2a9f9291efbde4c8421bef44741752ec6"
        hex"292643e3ba2026affcb8c5279313bd51a733c93353e9d9c79cb723136526508e"
        hex"00ccf13e0cb6f9d81d52951bea990bd5b6c07c5d98e66ff71db6e74d5b87d158"
        hex"185d1e20e23b0917dd654128cf2f3aaab6723873cb30fc22b0f86c15ab645b4b"
        hex"14c61c836d55d3df742bdf11c60efa186778e3de0f024c0f13fe53f8d8764e1f"
        hex"0f356841b3f556fce5dbe4680457691c2919e2af53008184d03ee1195d72449e"
        hex"1b8fd9ff39714e075df124f887bf40b383143374fd2080ba0c0a6b6e8fa5b3e8"
        hex"0e86a8c2009c140ca3f873924e2aaa14fc3c8ae04e9df0b3e9103418796f6024"
        hex"2e6c5e898f5547770e5462ad932fcdd2373fc43820ca2b16b0861421e79155c8"
        hex"05d797f1ab3647237c14f9d1df032bc9ff9fe1a0ecd377972ce5fd5a0c014604"
        hex"29a3110463a5aae76c3d152875981d0c1daf2dcd65519ef5ca8929851da8c008"
        hex"2974da7bc074322273c3a4b91c05354cdc71640a8bbd1f864b732f8163883314"
        hex"1ed0fb06699ba249b2a30621c05eb12ca29cb91aa082c8bfcce9c522889b47dc"
        hex"1c793ef0dcc51123654ff26d8d863feeae29e8c572eca912d80c8ae36e40fe9b"
        hex"1e6aac1c6d3dd3157956257d3d234ef18c91e82589a78169fbb4a8770977dc2f"
        hex"1a20ada7576234eee6273dd6fa98b25ed037748080a47d948fcda33256fb6bf5"
        hex"191033d6d85ceaa6fc7a9a23a6fd9996642d772045ece51335d49306728af96c"
        hex"006e5979da7e7ef53a825aa6fddc3abfc76f200b3740b8b232ef481f5d06297b"
        hex"0b0d7e69c651910bbef3e68d417e9fa0fbd57f596c8f29831eff8c0174cdb06d"
        hex"25caf5b0c1b93bc516435ec084e2ecd44ac46dbbb033c5112c4b20a25c9cdf9d"
        hex"12c1ea892cc31e0d9af8b796d9645872f7f77442d62fd4c8085b2f150f72472a"
        hex"16af29695157aba9b8bbe3afeb245feee5a929d9f928b9b81de6dadc78c32aae"
        hex"0136df457c80588dd687fb2f3be18691705b87ec5a4cfdc168d31084256b67dc"
        hex"1639a28c5b4c81166aea984fba6e71479e07b1efbc74434db95a285060e7b089"
        hex"03d62fbf82fd1d4313f8e650f587ec06816c28b700bdc50f7e232bd9b5ca9b76"
        hex"11aeeb527dc8ce44b4d14aaddca3cfe2f77a1e40fc6da97c249830de1edfde54"
        hex"13f9b9a41274129479c5e6138c6c8ee36a670e6bc68c7a49642b645807bfc824"
        hex"0e4772fa3d75179dc8484cd26c7c1f635ddeeed7a939440c506cae8b7ebcd15b"
        hex"1b39a00cbc81e427de4bdec58febe8d8b5971752067a612b39fc46a68c5d4db4"
        hex"2bedb66e1ad5a1d571e16e2953f48731f66463c2eb54a245444d1c0a3a25707e"
        hex"2cf0a09a55ca93af8abd068f06a7287fb08b193b608582a27379ce35da915dec"
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
    bytes private constant MATRIX =
        hex"236d13393ef85cc48a351dd786dd7a1de5e39942296127fd87947223ae5108ad"
        hex"277686494f7644bbc4a9b194e10724eb967f1dc58718e59e3cedc821b2a7ae19"
        hex"023db68784e3f0cc0b85618826a9b3505129c16479973b0a84a4529e66b09c62"
        hex"1d359d245f286c12d50d663bae733f978af08cdbd63017c57b3a75646ff382c1"
        hex"2a75a171563b807db525be259699ab28fe9bc7fb1f70943ff049bc970e841a0c"
        hex"083abff5e10051f078e2827d092e1ae808b4dd3e15ccc3706f38ce4157b6770e"
        hex"1a5ad71bbbecd8a97dc49cfdbae303ad24d5c4741eab8b7568a9ff8253a1eb6f"
        hex"0d745fd00dd167fb86772133640f02ce945004a7bc2c59e8790f725c5d84f0af"
        hex"2070679e798782ef592a52ca9cef820d497ad2eecbaa7e42f366b3e521c4ed42"
        hex"2e18c8570d20bf5df800739a53da75d906ece318cd224ab6b3a2be979e2d7eab"
        hex"0fa86f0f27e4d3dd7f3367ce86f684f1f2e4386d3e5b9f38fa283c6aa723b608"
        hex"03f3e6fab791f16628168e4b14dbaeb657035ee3da6b2ca83f0c2491e0b403eb"
        hex"2f545e578202c9732488540e41f783b68ff0613fd79375f8ba8b3d30958e7677"
        hex"23810bf82877fc19bff7eefeae3faf4bb8104c32ba4cd701596a15623d01476e"
        hex"014fcd5eb0be6d5beeafc4944034cf321c068ef930f10be2207ed58d2a34cdd6"
        hex"00c15fc3a1d5733dd835eae0823e377f8ba4a8b627627cc2bb661c25d20fb52a";

    /// @notice The digest of a policy: the sponge absorbs the number of words, the exponent and the shares.
    function digest(uint8 power, uint16[5] memory bps) internal pure returns (uint256) {
        bytes memory constants = CONSTANTS;
        bytes memory matrix = MATRIX;
        uint256[4] memory state = [TAG, WORDS, power, bps[0]];
        _permute(state, constants, matrix);
        _absorb(state, bps[1], bps[2], bps[3]);
        _permute(state, constants, matrix);
        _absorb(state, bps[4], 0, 0);
        _permute(state, constants, matrix);
        return state[1];
    }

    function _absorb(uint256[4] memory state, uint256 a, uint256 b, uint256 c) private pure {
        state[1] = addmod(state[1], a, SCALAR_MODULUS);
        state[2] = addmod(state[2], b, SCALAR_MODULUS);
        state[3] = addmod(state[3], c, SCALAR_MODULUS);
    }

    /// @dev Constants, then fifth powers, of the first word alone in the middle rounds, then the matrix.
    function _permute(uint256[4] memory state, bytes memory constants, bytes memory matrix) private pure {
        for (uint256 round = 0; round < ROUNDS; ++round) {
            bool full = round < FULL_ROUNDS / 2 || round >= ROUNDS - FULL_ROUNDS / 2;
            _raise(state, constants, 128 * round, full ? 128 : 32);
            _mix(state, matrix);
        }
    }

    /// @dev Adds a round's constants and raises the words in the first `raised` bytes.
    /// In assembly, as is the next one: a digest costs 400,000 gas instead of 1,600,000.
    function _raise(uint256[4] memory state, bytes memory constants, uint256 offset, uint256 raised) private pure {
        uint256 r = SCALAR_MODULUS;
        assembly ("memory-safe") {
            let from := add(add(constants, 0x20), offset)
            for { let i := 0 } lt(i, 0x80) { i := add(i, 0x20) } {
                let x := addmod(mload(add(state, i)), mload(add(from, i)), r)
                if lt(i, raised) {
                    let square := mulmod(x, x, r)
                    x := mulmod(mulmod(square, square, r), x, r)
                }
                mstore(add(state, i), x)
            }
        }
    }

    /// @dev The matrix times the state.
    function _mix(uint256[4] memory state, bytes memory matrix) private pure {
        uint256 r = SCALAR_MODULUS;
        assembly ("memory-safe") {
            let a := mload(state)
            let b := mload(add(state, 0x20))
            let c := mload(add(state, 0x40))
            let d := mload(add(state, 0x60))
            let row := add(matrix, 0x20)
            for { let end := add(state, 0x80) } lt(state, end) { state := add(state, 0x20) } {
                let sum := addmod(mulmod(mload(row), a, r), mulmod(mload(add(row, 0x20)), b, r), r)
                sum := addmod(sum, mulmod(mload(add(row, 0x40)), c, r), r)
                mstore(state, addmod(sum, mulmod(mload(add(row, 0x60)), d, r), r))
                row := add(row, 0x80)
            }
        }
    }
}
