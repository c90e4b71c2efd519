r"""Refusals as people pasted them in public issues and answers, each with what has to be said of it.

Whatever names somebody is made up: accounts, names, IDs of requests and keys; cut out by those who
pasted them were some before (``***``, ``xxxx``, ``<redacted>``), and stay so. Beside each text
stands where its like was found: an issue, or a kind of page.
"""

from __future__ import annotations

from typing import NamedTuple


class Pasted(NamedTuple):
    """A refusal as it was pasted."""

    text: str
    says: str
    """What the first two lines have to say, among other things."""

    step: str
    """The next step, or the part of it that matters."""


PASTED = [
    # amzn/selling-partner-api-models#2523: the PHP SDK, which cuts the response short and repeats it.
    Pasted(
        'Error executing "AssumeRole" on "https://sts.eu-west-1.amazonaws.com"; AWS HTTP error: Client'
        " error: `POST https://sts.eu-west-1.amazonaws.com` resulted in a `403 Forbidden` response:"
        " Sender AccessDeni (truncated...) AccessDenied (client): User:"
        " arn:aws:iam::672112570001:user/Shop is not authorized to perform: sts:AssumeRole on"
        " resource: arn:aws:iam::672112570001:user/Shop - Sender AccessDenied User:"
        " arn:aws:iam::672112570001:user/Shop is not authorized to perform: sts:AssumeRole on"
        " resource: arn:aws:iam::672112570001:user/Shop 70570cbc-baab-4cc7-8053-f3f4dcc70001",
        "sts:AssumeRole",
        "nobody can assume a user",
    ),
    # Netflix/security_monkey#732: neither caller nor role.
    Pasted(
        "2017-05-22 16:24:47,006 INFO: 'Problem Connecting to flowlog/Trail (ap-south-1)/eu-central-1:"
        "\\nAn error occurred (AccessDenied) when calling the AssumeRole operation: Not authorized to"
        " perform sts:AssumeRole' [in /usr/local/lib/python2.7/dist-packages/x/exceptions.py:68]",
        "does not say why",
        "does its trust policy name the caller",
    ),
    # serverless/serverless#3040: the JavaScript SDK 2.
    Pasted(
        "AccessDenied: Not authorized to perform sts:AssumeRole\n"
        "    at Request.extractError (/var/task/node_modules/aws-sdk/lib/protocol/query.js:40:29)\n"
        "    at Request.callListeners (/var/task/node_modules/aws-sdk/lib/sequential_executor.js:105:20)",
        "does not say why",
        "does its trust policy name the caller",
    ),
    # amzn/selling-partner-api-models#891: the Java SDK 1.
    Pasted(
        "User: arn:aws:iam::*:user/lake is not authorized to perform: sts:AssumeRole on resource:"
        " arn:aws:iam::*:role/lake_role (Service: AWSSecurityTokenService; Status Code: 403; Error"
        " Code: AccessDenied; Request ID: b59b74ae-9126-4975-8a87-c987e0920001)",
        "does not say why",
        "does its trust policy name user lake",
    ),
    # uswitch/kiam#33: Go's logger, in JSON.
    Pasted(
        '{"level":"error","msg":"error requesting credentials: AccessDenied: User:'
        " arn:aws:sts::034324640001:assumed-role/us-west-2-md-Controller/i-084d38eaacc900001 is not"
        " authorized to perform: sts:AssumeRole on resource:"
        " arn:aws:iam::034324640001:role/us-west-2-md-Kiam\\n\\tstatus code: 403, request id:"
        ' 01b4ba14-9af0-11e8-b9ba-c1a73e900001","pod.iam.role":"us-west-2-md-dns","time":"2018-08-08"}',
        "does not say why",
        "aws iam get-role --role-name us-west-2-md-Kiam",
    ),
    # hashicorp/terraform-provider-aws#42213: Terraform's frame, a session of Identity Center.
    Pasted(
        '╷\n│ Error: Cannot assume IAM Role\n│\n│   with provider["registry.terraform.io/hashicorp/aws"],'
        '\n│   on provider.tf line 12, in provider "aws":\n│   12: provider "aws" {\n│\n│ IAM Role'
        " (arn:aws:iam::222222220001:role/TerraformExecutionRoleDev) cannot be assumed.\n│\n│ There"
        " are a number of possible causes of this - the most common are:\n│   * The credentials used"
        " in order to assume the role are invalid\n│   * The credentials do not have appropriate"
        " permission to assume the role\n│   * The role ARN is not valid\n│\n│ Error: operation error"
        " STS: AssumeRole, https response error StatusCode: 403, RequestID:"
        " 7fc04918-fe93-4633-89d1-e1a4f2fe0001, api error AccessDenied: User:\n│"
        " arn:aws:sts::111111110001:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/al"
        " is not authorized to perform: sts:AssumeRole on resource:\n│"
        " arn:aws:iam::222222220001:role/TerraformExecutionRoleDev\n│\n╵",
        "does not say why",
        "permission set AdministratorAccess",
    ),
    # The same, as most people paste it.
    Pasted(
        "│ Error: operation error STS: AssumeRole, https response error StatusCode: 403, RequestID:"
        " 7fc04918-fe93-4633-89d1-e1a4f2fe0001, api error AccessDenied: User:\n│"
        " arn:aws:sts::<redacted-accountid>:assumed-role/AWSReservedSSO_AdministratorAccess_<redacted>/al"
        " is not authorized to perform: sts:AssumeRole on resource:\n│"
        " arn:aws:iam::<redacted-accountid>:role/TerraformExecutionRoleDev",
        "does not say why",
        "does its trust policy name",
    ),
    # aws/karpenter-provider-aws#4680: what kubectl printed, in the bytes of a Python program.
    Pasted(
        "[ERROR] Exception: b'\\nAn error occurred (AccessDenied) when calling the AssumeRole operation:"
        " User: arn:aws:sts::629146260001:assumed-role/Karpenter-HandlerServiceRoleFCDC14-1E2S2B6XVZ/"
        "Karpenter-Handler886CB40B-1FCztK9eeC is not authorized to perform: sts:AssumeRole on resource:"
        " arn:aws:iam::629146260001:role/EksAdminRole-mycluster\\nUnable to connect to the server:"
        " getting credentials: exec: executable aws failed with exit code 255\\n'\n"
        'Traceback (most recent call last):\n  File "/var/task/index.py", line 14, in handler',
        "does not say why",
        "aws iam get-role --role-name EksAdminRole-mycluster",
    ),
    # aws-samples/cdk-assume-role-credential-plugin#20: CDK; a role that is asked to assume itself.
    Pasted(
        "Could not assume role in target account (did you bootstrap the environment with the right"
        " '--trust's?): \nUser: arn:aws:sts::145411110001:assumed-role/cdk-hnb659fds-deploy-role-"
        "145411110001-eu-west-2/145411110001-0-session \nis not authorized to perform: sts:AssumeRole"
        " \non resource: arn:aws:iam::145411110001:role/cdk-hnb659fds-deploy-role-145411110001-eu-west-2",
        "does not say why",
        "The caller is a session of this very role already",
    ),
    # aws-samples/aws-genai-llm-chatbot#454: CDK, which keeps AWS's words to itself.
    Pasted(
        "current credentials could not be used to assume"
        " 'arn:aws:iam::145411110001:role/cdk-hnb659fds-deploy-role-145411110001-us-east-1', but are"
        " for the right account. Proceeding anyway.",
        "keeps AWS's words to itself",
        "aws sts assume-role --role-session-name why --role-arn"
        " arn:aws:iam::145411110001:role/cdk-hnb659fds-deploy-role-145411110001-us-east-1",
    ),
    # kubeflow/testing#961.
    Pasted(
        "An error occurred (AccessDenied) when calling the AssumeRole operation: Roles may not be"
        " assumed by root accounts.",
        "root",
        "keys of an IAM user",
    ),
    # noqdev/iambic#357: the repr of a Python exception.
    Pasted(
        "2023/04/24 17:00:50 [error    ] Failed to assume role\n"
        "  assume_role_arn=arn:aws:iam::REDACTED:role/HubRole\n"
        "  error=ClientError('An error occurred (AccessDenied) when calling the AssumeRole operation:"
        " User: arn:aws:sts::REDACTED:assumed-role/REDACTED_ROLE_1/REDACTED_SESSION_NAME is not"
        " authorized to perform: sts:SetSourceIdentity on resource: arn:aws:iam::REDACTED:role/HubRole')",
        "sts:SetSourceIdentity",
        "allow sts:SetSourceIdentity in the trust policy of role HubRole",
    ),
    # aws-actions/configure-aws-credentials#465, and OvertureMaps/stac#113.
    Pasted(
        "Error: User: arn:aws:iam::***:user/deployer is not authorized to perform: sts:TagSession on"
        " resource: ***",
        "sts:TagSession",
        "allow sts:TagSession in the trust policy",
    ),
    Pasted(
        "Retry AssumeRole: attempt 1 of 12 failed: Could not assume role with user credentials: User:\n"
        "arn:aws:sts::913550000001:assumed-role/stac-publish-oidc/GitHubActions is not authorized to"
        " perform:\nsts:TagSession on resource: arn:aws:iam::763944540001:role/cloudfront-invalidator",
        "sts:TagSession",
        "allow sts:TagSession in the trust policy of role cloudfront-invalidator",
    ),
    # alphagov/govuk-infrastructure#2282: Ruby.
    Pasted(
        "Not authorized to perform sts:AssumeRoleWithWebIdentity (Aws::STS::Errors::AccessDenied)",
        "sts:AssumeRoleWithWebIdentity",
        "conditions that fit the token's aud and sub",
    ),
    # kubernetes-sigs/aws-load-balancer-controller#1935.
    Pasted(
        '{"level":"error","ts":1657324768.8,"logger":"controller-runtime.manager","msg":"Reconciler'
        ' error","name":"k8s-default-backends-6d61d30001","namespace":"default","error":"WebIdentityErr:'
        " failed to retrieve credentials\\ncaused by: AccessDenied: Not authorized to perform"
        " sts:AssumeRoleWithWebIdentity\\n\\tstatus code: 403, request id:"
        ' 5c3f9ce5-ba7d-495e-98b1-ffcd50000001"}',
        "sts:AssumeRoleWithWebIdentity",
        "conditions that fit the token's aud and sub",
    ),
    # aws/aws-sdk-net#1522.
    Pasted(
        "Unhandled exception. Amazon.Runtime.AmazonClientException: Error calling AssumeRole for role"
        " arn:aws:iam::xxxx:role/xxx\n ---> Amazon.SecurityToken.AmazonSecurityTokenServiceException:"
        " Not authorized to perform sts:AssumeRoleWithWebIdentity --->"
        " Amazon.Runtime.Internal.HttpErrorResponseException: Exception of type"
        " 'Amazon.Runtime.Internal.HttpErrorResponseException' was thrown.\n"
        "   at Amazon.Runtime.HttpWebRequestMessage.GetResponse()",
        "sts:AssumeRoleWithWebIdentity",
        "conditions that fit the token's aud and sub",
    ),
    # aws-actions/configure-aws-credentials#280, kubernetes-sigs/aws-load-balancer-controller#2315.
    Pasted(
        "Error: No OpenIDConnect provider found in your account for"
        " https://token.actions.githubusercontent.com",
        "identity provider",
        "https://token.actions.githubusercontent.com",
    ),
    Pasted(
        "2021/10/22 03:14:16 Could not initialize client: WebIdentityErr: failed to retrieve"
        " credentials\ncaused by: InvalidIdentityToken: No OpenIDConnect provider found in your account"
        " for https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF\n"
        "\tstatus code: 400, request id: 3714365f-c50b-4cae-b958-917eb6a30001",
        "identity provider",
        "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
    ),
    # kubernetes-sigs/aws-load-balancer-controller#2322.
    Pasted(
        '{"level": "error", "msg": "Reconciler error", "name": "ingress-2048", "error":'
        ' "AccessDeniedException: User: arn:aws:sts::111111110001:assumed-role/alb/171 is not authorized'
        " to perform: waf-regional:GetWebACLForResource on resource:"
        ' arn:aws:waf-regional:eu-west-1:111111110001:*/* with an explicit deny in a service control policy"}',
        "service control policy",
        "narrow the Deny in the SCP over account 111111110001",
    ),
    # ministryofjustice/aws-root-account#1494: the AWS CLI 2.
    Pasted(
        "aws: [ERROR]: An error occurred (AccessDenied) when calling the CreateDBInstance operation:"
        " User: arn:aws:sts::111111110001:assumed-role/AWSReservedSSO_AdministratorAccess_"
        "a7491ea25c157500/ep@justice.example is not authorized to perform: rds:CreateDBInstance on"
        " resource: arn:aws:rds:eu-west-2:111111110001:db:test-unencrypted with an explicit deny in a"
        " service control policy: arn:aws:organizations::999999990001:policy/o-b2fpbz0001/"
        "service_control_policy/p-v4qqk001\n",
        "service control policy",
        "narrow the Deny in the SCP p-v4qqk001 over account 111111110001",
    ),
    # aws/karpenter-provider-aws#7370.
    Pasted(
        '{\n   "level":"ERROR",\n   "logger":"controller",\n   "message":"Reconciler error",\n   "error":'
        '"launching nodeclaim, creating instance, with fleet error(s), UnauthorizedOperation: You are'
        " not authorized to perform this operation. User:"
        " arn:aws:sts::111111110001:assumed-role/karpenter-controller-role/1731429849551900001 is not"
        " authorized to perform: ec2:RunInstances on resource:"
        " arn:aws:ec2:us-east-2:111111110001:instance/* with an explicit deny in a service control"
        ' policy. Encoded authorization failure message: g4oZPBqZ4Bni8dE5dGjxYTnOZ"\n}',
        "service control policy",
        "rolehop explain --decode=g4oZPBqZ4Bni8dE5dGjxYTnOZ",
    ),
    # A troubleshooting page: CDK in a sandbox.
    Pasted(
        'Resource handler returned message: "User: arn:aws:sts::982203970001:assumed-role/Deploy/ci\nis'
        " not authorized to perform: ssm:GetParameter on resource:\narn:aws:ssm:us-east-1::parameter/"
        'cdk-bootstrap/hnb659fds/version\nbecause no service control policy allows the ssm:GetParameter action"',
        "service control policy",
        "allow ssm:GetParameter in the SCPs of account 982203970001",
    ),
    # cloud-custodian/cloud-custodian#4736: a Deny of unknown place.
    Pasted(
        '  File "client.py", line 661, in _make_api_call\n    raise error_class(parsed_response,'
        " operation_name)\nbotocore.exceptions.ClientError: An error occurred (AccessDeniedException)"
        " when calling the GetFunction operation: User: arn:aws:iam::111111110001:user/USERNAME is not"
        " authorized to perform: lambda:GetFunction on resource:"
        " arn:aws:lambda:us-east-1:111111110001:function:custodian-s3-acl with an explicit deny",
        "Deny",
        "MFA",
    ),
    # aws/aws-cli#5592: keys without MFA, which a Deny asked for.
    Pasted(
        "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation:"
        " User: arn:aws:iam::111111110001:user/me is not authorized to perform:"
        " ecr:GetAuthorizationToken on resource: * with an explicit deny",
        "Deny",
        "MFA",
    ),
    # nebari-dev/nebari#2152.
    Pasted(
        "[terraform]: │ Error: error creating role: UnauthorizedOperation: You are not authorized to"
        " perform this operation. User: arn:aws:iam::111111110001:user/nebari is not authorized to"
        " perform: ec2:CreateRole on resource: ***\n because no permissions boundary allows the"
        " ec2:CreateRole action.\n...\n[terraform]: │  status code: 403, request id: 6bcc1ed4-0001",
        "permissions boundary",
        "allow ec2:CreateRole in the permissions boundary of user nebari of 111111110001",
    ),
    # A student's notes on EC2.
    Pasted(
        "Instance launch failed\nYou are not authorized to perform this operation. User:"
        " arn:aws:iam::548387260001:user/lab-g05 is not authorized to perform: ec2:RunInstances on"
        " resource: arn:aws:ec2:ap-southeast-1:548387260001:instance/* with an explicit deny in a"
        " permissions boundary: arn:aws:iam::548387260001:policy/lab-boundary. Encoded authorization"
        " failure message: QN7w7t3DAbfvg8Glu6KVPjGh0L6qxL-DvWn7efnpsDylc9yJoFPJ7yICoiKfDK3PqKE_rQ",
        "permissions boundary",
        "narrow the Deny in the permissions boundary lab-boundary",
    ),
    # A troubleshooting page: CloudFormation.
    Pasted(
        'Resource handler returned message: "User: arn:aws:sts::590183850001:assumed-role/AdminRole/'
        "your.name@example.com is not authorized to perform: iam:CreateRole on resource:"
        " arn:aws:iam::590183850001:role/SensorManagement with an explicit deny in a permissions boundary"
        ' (Service: Iam, Status Code: 403, Request ID: a283ee92-8a01-476e-b1f6-21b588700001)""'
        " (RequestToken: 49e06032-8780-edc7-809c-75afc7d00001, HandlerErrorCode:"
        " UnauthorizedTaggingOperation)",
        "permissions boundary",
        "narrow the Deny in the permissions boundary of role AdminRole of 590183850001",
    ),
    # aws/aws-sdk-js#4303 and others: Cognito's own session policy.
    Pasted(
        "AccessDeniedException: User: arn:aws:sts::111111110001:assumed-role/Cognito_demoUnauth_Role/"
        "CognitoIdentityCredentials is not authorized to perform: evidently:EvaluateFeature on resource:"
        " arn:aws:evidently:us-west-2:111111110001:project/demo/feature/Guestbook because no session"
        " policy allows the evidently:EvaluateFeature action",
        "session policy",
        "basic (classic) flow",
    ),
    # A workshop: HashiCorp Vault, which takes GetFederationToken.
    Pasted(
        "An error occurred (AccessDeniedException) when calling the GetItem operation: User:"
        " arn:aws:sts::111111110001:federated-user/vault-0123456789-012345678901234 is not authorized to"
        " perform: dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:111111110001:table/"
        "Products_01234567 because no session policy allows the dynamodb:GetItem action",
        "session policy",
        "in the policy that GetFederationToken was called with",
    ),
    # A page about CodePipeline: no "User:".
    Pasted(
        "arn:aws:sts::xxxxxxx:assumed-role/BuildProjectRole/xxxxxxx is not authorized to perform:"
        ' s3:ListBucket on resource: "arn:aws:s3:::my-s3bucket" because no session policy allows the'
        " s3:ListBucket action (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; ",
        "session policy",
        "allow s3:ListBucket on arn:aws:s3:::my-s3bucket in the caller's session policy",
    ),
    # A page about ECS.
    Pasted(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource"
        " retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1"
        " time(s): Failed fetching parameters in us-west-2: AccessDeniedException: User:"
        " arn:aws:sts::8XXXXXXXXX0:assumed-role/TaskExecutionRole-1ELKRFLI7MRK8/ab31f3f626f2442da9 is"
        " not authorized to perform: ssm:GetParameters on resource:"
        " arn:aws:ssm:us-west-2:8XXXXXXXXX0:parameter/SecretParameter-BlcjtHm1Fj7R because no VPC"
        " endpoint policy allows the ssm:GetParameters action status code: 400, request id: xx-214b-01",
        "VPC endpoint policy",
        "have the owner of the VPC endpoint allow ssm:GetParameters",
    ),
    # A workshop: docker push.
    Pasted(
        "The push refers to repository [111111110001.dkr.ecr.us-west-2.amazonaws.com/team-a/alpine]\n"
        "78a822fe2a2d: Layer already exists \ndenied: User: arn:aws:sts::111111110001:assumed-role/App/"
        "i-0123456789abcdef0 \nis not authorized to perform: ecr:PutImage on resource: \n"
        "arn:aws:ecr:us-west-2:111111110001:repository/team-a/alpine \nwith an explicit deny in a VPC"
        " endpoint policy",
        "VPC endpoint policy",
        "narrow the Deny in its policy, or use another endpoint",
    ),
    # A test of an RCP that wants encryption.
    Pasted(
        "An error occurred (AccessDenied) when calling the PutObject operation:\nUser:"
        " arn:aws:sts::111111110001:assumed-role/AWSReservedSSO_Data_0123456789abcdef/abcde\nis not"
        ' authorized to perform: s3:PutObject\non resource: "arn:aws:s3:::encryption-required/a.txt"\n'
        "with an explicit deny in a resource control policy",
        "resource control policy",
        "narrow the Deny in the RCP over the resource's account",
    ),
    # ministryofjustice/modernisation-platform#12326: the action that lacks is another one.
    Pasted(
        "│ Error: creating EC2 VPC Endpoint (com.amazonaws.eu-west-1.s3): operation error EC2:"
        " CreateVpcEndpoint, https response error StatusCode: 403, RequestID:"
        " 84c8c6d3-0bdf-42a5-80d3-a0c133600001, api error UnauthorizedOperation: You are not authorized"
        " to perform this operation. User: arn:aws:sts::***:assumed-role/MemberInfrastructureAccess/"
        "aws-go-sdk-1769122378639266627 is not authorized to perform: ec2:CreateVpcEndpoint on resource:"
        " arn:aws:ec2:eu-west-2:***:vpc-endpoint/* because no identity-based policy allows the"
        " vpce:AllowMultiRegion action.\n",
        "vpce:AllowMultiRegion",
        "allow vpce:AllowMultiRegion",
    ),
    Pasted(
        "│ Error: creating NetworkFirewall Rule Group (strict-ip): operation error Network Firewall:"
        " CreateRuleGroup, https response error StatusCode: 400, RequestID:"
        " 840ecac3-4f56-450a-a015-7c9379d90001, api error AccessDeniedException: User:"
        " arn:aws:sts::***:assumed-role/MemberInfrastructureAccess/aws-go-sdk-1769108331990631464 is not"
        " authorized to perform: network-firewall:CreateRuleGroup on resource:"
        " arn:aws:network-firewall:eu-west-2:***:stateful-rulegroup/strict-ip because no identity-based"
        " policy allows the network-firewall:CreateRuleGroup action",
        "network-firewall:CreateRuleGroup",
        "allow network-firewall:CreateRuleGroup",
    ),
    # hashicorp/terraform#8638: Terraform of old.
    Pasted(
        'Error refreshing state: 1 error(s) occurred:\n\n* The role "arn:aws:iam::111111110001:role/devops"'
        " cannot be assumed.\n\n  There are a number of possible causes of this - the most common are:\n"
        "    * The credentials used in order to assume the role are invalid",
        "keeps AWS's words to itself",
        "--role-arn arn:aws:iam::111111110001:role/devops",
    ),
    # awslabs/amazon-ecr-credential-helper and many others: Docker.
    Pasted(
        "Error response from daemon: Get https://111111110001.dkr.ecr.us-east-1.amazonaws.com/v2/app/"
        "manifests/latest: no basic auth credentials",
        "Docker has no password",
        "aws ecr get-login-password",
    ),
    # hashicorp/terraform-provider-aws#38305: IAM names a role by its kind and name.
    Pasted(
        "│ Error: reading inline policies for IAM role lambda_execution_role, error: operation error IAM:"
        " ListRolePolicies, https response error StatusCode: 403, RequestID: ---, api error AccessDenied:"
        " User: --- is not authorized to perform: iam:ListRolePolicies on resource: role"
        " lambda_execution_role because no identity-based policy allows the iam:ListRolePolicies action",
        "iam:ListRolePolicies",
        "allow iam:ListRolePolicies on role lambda_execution_role",
    ),
    # alphagov/gsp#990: CloudFormation, without a reason.
    Pasted(
        "API: iam:UpdateRole User: arn:aws:sts::011571570001:assumed-role/service-operator/"
        "1581603874295411240 is not authorized to perform: iam:UpdateRole on resource: role"
        " svcop-sandbox-main",
        "iam:UpdateRole",
        "allow iam:UpdateRole on role svcop-sandbox-main to role service-operator of 011571570001",
    ),
    # aws/aws-cli#4826: a column of a table, in which every line is broken.
    Pasted(
        ",ResourceStatus           ResourceType             LogicalResourceId        ResourceStatusReason   \n"
        "------------------------------------------------------------------------------------------------\n"
        ",CREATE_FAILED            AWS::IAM::Role           HelloWorldFunctionRole   API: iam:CreateRole    \n"
        ",                                                                           User: arn:aws:iam::833 \n"
        ",                                                                           914180001:user/netocod \n"
        ",                                                                           er is not authorized   \n"
        ",                                                                           to perform:            \n"
        ",                                                                           iam:CreateRole on      \n"
        ",                                                                           resource: arn:aws:iam: \n"
        ",                                                                           :833914180001:role/sam \n",
        "broken up by the columns of a table",
        "aws cloudformation describe-stack-events",
    ),
    # hashicorp-education/learn-consul-get-started-vms#9: iam:PassRole.
    Pasted(
        "│ Error: adding role learn-vms-o7yi2024 to IAM Instance Profile (learn-vms-o7yi2025): AccessDenied:"
        " User: arn:aws:iam::1234:user/aws2029-i is not authorized to perform: iam:PassRole on resource:"
        " arn:aws:iam::1234:role/learn-vms-o7yi2024 because no identity-based policy allows the"
        " iam:PassRole action\n│   status code: 403, request id: 46bc0d38-1ded-4a11-9c8b-1234",
        "iam:PassRole",
        "allow iam:PassRole on role learn-vms-o7yi2024",
    ),
    # aws/aws-sdk-js#1909.
    Pasted(
        "AccessDeniedException: User: arn:aws:sts::**********:assumed-role/Cognito_myPoolUnauth_Role/"
        "CognitoIdentityCredentials is not authorized to perform: iam:PassRole on resource:"
        " arn:aws:iam::***************:role/lambda_basic_execution",
        "iam:PassRole",
        "allow iam:PassRole on role lambda_basic_execution to role Cognito_myPoolUnauth_Role",
    ),
    # everything2/everything2#2562: the Docker daemon.
    Pasted(
        "Error response from daemon: pull access denied for 254865750001.dkr.ecr.us-west-2.amazonaws.com"
        "/x/lib, repository does not exist or may require 'docker login': denied: User:"
        " arn:aws:sts::254865750001:assumed-role/Docker-Builder-Role/AWSCodeBuild-749228d3-4d07 is not"
        " authorized to perform: ecr:BatchGetImage on resource:"
        " arn:aws:ecr:us-west-2:254865750001:repository/x/lib because no identity-based policy allows"
        " the ecr:BatchGetImage action",
        "ecr:BatchGetImage",
        "allow ecr:BatchGetImage on arn:aws:ecr:us-west-2:254865750001:repository/x/lib",
    ),
    # OvertureMaps/overture-tiles#20: cut off by Batch.
    Pasted(
        "CannotPullECRContainerError: AccessDeniedException: User: arn:aws:sts::...:assumed-role/"
        "TilesCdkStack-TilesContainer... is not authorized to perform: ecr:GetAuthorizationToken on r",
        "ecr:GetAuthorizationToken",
        "allow ecr:GetAuthorizationToken",
    ),
    # external-secrets/kubernetes-external-secrets#808, #867.
    Pasted(
        '{"message":"User: arn:aws:iam::<xxxxxxxxxx>:user/<iam user name> is not authorized to perform:'
        ' secretsmanager:GetSecretValue on resource: db-connection"}',
        "secretsmanager:GetSecretValue",
        "allow secretsmanager:GetSecretValue",
    ),
    Pasted(
        '{"level":50,"hostname":"external-secrets-86f4c56c55n54","payload":{"message":"User: arn:aws:sts::'
        "111111111111:assumed-role/site-k20210915... is not authorized to perform:"
        " secretsmanager:GetSecretValue on resource: site-k/test because no identity-based policy allows"
        ' the secretsmanager:GetSecretValue action","code":"AccessDeniedException","statusCode":400},'
        '"msg":"failure while polling the secret external-secrets/hello-service"}',
        "secretsmanager:GetSecretValue",
        "allow secretsmanager:GetSecretValue on site-k/test",
    ),
    # aceew/aws-lambda-env-vars#7, cloudposse/terraform-aws-datadog-lambda-forwarder#4.
    Pasted(
        "Caught an error: AccessDeniedException: The ciphertext refers to a customer master key that does"
        " not exist, does not exist in this region, or you are not allowed to access.",
        "KMS key",
        "kms:Decrypt",
    ),
    Pasted(
        "[ERROR] ClientError: An error occurred (AccessDeniedException) when calling the GetSecretValue"
        " operation: Access to KMS is not allowed",
        "KMS key",
        "kms:Decrypt",
    ),
    # serverless/examples#279.
    Pasted(
        "Lambda was unable to decrypt the environment variables because KMS access was denied. Please"
        " check the function's KMS key settings. KMS Exception: AccessDeniedExceptionKMS Message: The"
        " ciphertext refers to a customer master key that does not exist, does not exist in this region,"
        " or you are not allowed to access.",
        "KMS key",
        "kms:Decrypt",
    ),
    # 4dn-dcic/tibanna#402, jbrt/ec2cryptomatic#26, aws/aws-nitro-enclaves-sdk-c#157.
    Pasted(
        '{\n  "cause": "Lambda was unable to decrypt the environment variables because KMS access was'
        " denied. Please check the function's KMS key settings. KMS Exception:"
        " AccessDeniedExceptionKMS Message: User: arn:aws:sts::aws-account:assumed-role/run_task/run is"
        " not authorized to perform: kms:Decrypt on resource: arn:aws:kms:resion:aws-acount:key/key_ID"
        " because no resource-based policy allows the kms:Decrypt action (Service: Lambda, Status Code:"
        ' 502, Request ID: ID)",\n  "error": "Lambda.KMSAccessDeniedException"\n}',
        "kms:Decrypt",
        "allow kms:Decrypt to role run_task",
    ),
    Pasted(
        "2021/10/19 12:56:32 Error with this key: AccessDeniedException: User: arn:aws:iam::3915824****:"
        "user/EC2Cryptomatic is not authorized to perform: kms:DescribeKey on resource:"
        " arn:aws:kms:us-west-2:3915824****:key/*****-048e-4be0-b497-ca151cd20001 because no"
        " resource-based policy allows the kms:DescribeKey action.",
        "kms:DescribeKey",
        "have the resource's owner allow kms:DescribeKey",
    ),
    Pasted(
        '{\\"__type\\":\\"AccessDeniedException\\",\\"Message\\":\\"User: arn:aws:sts::xxxxxxxxxxxx:'
        "assumed-role/enclave_role/i-09654650371b00001 is not authorized to perform: kms:Decrypt on"
        " resource: arn:aws:kms:eu-central-1:xxxxxxxxxxxx:key/e7b0fb1b-8903-4a44-afd9-baa76f240001 with"
        ' an explicit deny in a resource-based policy\\"}\\\\nCould not read response from KMS',
        "kms:Decrypt",
        "narrow the Deny in the own policy of arn:aws:kms",
    ),
    # aws/aws-sdk-php#188, boto/boto3#1821: SQS names neither caller nor action.
    Pasted(
        "com.amazonaws.services.sqs.model.AmazonSQSException: Access to the resource"
        " https://sqs.us-east-1.amazonaws.com/ is denied. (Service: AmazonSQS; Status Code: 403; Error"
        " Code: AccessDenied; Request ID: 586aa9b5-fe97-585a-j765-fb72c2f00001)",
        "says only that a call was refused",
        "rolehop explain CHAIN --action",
    ),
    Pasted(
        "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the CreateQueue"
        " operation: Access to the resource https://eu-west-1.queue.amazonaws.com/ is denied.",
        "says only that a call was refused",
        "rolehop explain CHAIN --action sqs:CreateQueue",
    ),
    # aws-samples/experimental-programmatic-access-ccft#5: permissions that are no policy.
    Pasted(
        "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."
        " MetaException(message:Insufficient Lake Formation permission(s): Required Create Database on"
        " Catalog (Service: AmazonDataCatalog; Status Code: 400; Error Code: AccessDeniedException;"
        " Request ID: 14419262-b63c-4aeb-8b8b-5df567d90001; Proxy: null))",
        "Lake Formation",
        "grant",
    ),
    # OvertureMaps/data#205: cut out by hand.
    Pasted(
        '"..Admin is not authorized to perform: glue:GetDatabases on resource:'
        " arn:aws:glue:us-east-2:913550000001:catalog because no resource-based policy allows the"
        " glue:GetDatabases action (Service: AmazonDataCatalog; Status Code: 400; Error Code:"
        ' AccessDeniedException..."',
        "glue:GetDatabases",
        "have the resource's owner allow glue:GetDatabases",
    ),
    # aws/aws-toolkit-jetbrains#3129, hashicorp's S3 backend, torchbox/buckup#18.
    Pasted(
        "software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code:"
        " 403, Request ID: G7WJJ5HW0BBZ0001, Extended Request ID: ZsA5Pqk/2wCqJz/pLC/WhgQVm7rI0iQ=)\n"
        "\tat software.amazon.awssdk.protocols.xml.internal.unmarshall.AwsXmlPredicatedResponseHandler"
        ".handleErrorResponse(AwsXmlPredicatedResponseHandler.java:156)",
        "says only that a call was refused",
        "rolehop explain CHAIN --action",
    ),
    Pasted(
        "Error: Error loading state:\n│     Unable to access object"
        ' "aws/dms-dev/terraform.tfstate" in S3 bucket "tf-state-aqsvzyd5u9": operation error S3:'
        " HeadObject, https response error StatusCode: 403, RequestID: QBVV89ZW47NQ0001, HostID:"
        " iJU30s1CfmdtJi8+LXJhRa3abjar==, api error Forbidden: Forbidden",
        "says only that a call was refused",
        "--action s3:GetObject",
    ),
    Pasted(
        "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the"
        " PutBucketPolicy operation: Access Denied",
        "says only that a call was refused",
        "--action s3:PutBucketPolicy",
    ),
    # hashicorp/terraform-provider-aws#21046: no words at all.
    Pasted(
        "Error: error creating Lambda Function (1): AccessDeniedException: \n"
        "        status code: 403, request id: d7aac889-0404-4234-b885-5608bbe00001",
        "says only that a call was refused",
        "rolehop explain CHAIN --action",
    ),
    # aws/serverless-application-model#3704, ASFHyP3/hyp3#2283, serverless/serverless#11808.
    Pasted(
        "  msg: '[security_exception] ', response: '{\"Message\":\"User: anonymous is not authorized to"
        " perform: es:ESHttpPost because no resource-based policy allows the es:ESHttpPost action\"}'",
        "es:ESHttpPost",
        "sign the call",
    ),
    Pasted(
        '{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource:'
        ' arn:aws:execute-api:us-west-2:********2543:vd2gh6uqw3/api/GET/"}',
        "execute-api:Invoke",
        "sign the call",
    ),
    # 99designs/aws-vault#676, y13i/sgviz#9, aws/aws-cli#2279.
    Pasted(
        "aws-vault: error: exec: Failed to get credentials for account2: AccessDenied:"
        " MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial"
        " number is valid and associated with this user.\n        status code: 403, request id: d5dd2148",
        "MFA",
        "mfa_serial",
    ),
    Pasted(
        "raise_response_errors.rb:15:in `call': MultiFactorAuthentication failed, must provide both MFA"
        " serial number and one time pass code. (Aws::STS::Errors::AccessDenied)",
        "MFA",
        "mfa_serial",
    ),
    Pasted(
        "An error occurred (AccessDenied) when calling the AssumeRole operation:"
        " MultiFactorAuthentication failed with invalid MFA one time pass code.",
        "MFA",
        "next code",
    ),
    # QT-DevOps/DevOpsIssues#451, hashicorp/terraform#36395, iann0036/iamlive#58, aws/aws-cli#1948.
    Pasted(
        "* provider.aws: error validating provider credentials: error calling sts:GetCallerIdentity:"
        " InvalidClientTokenId: The security token included in the request is invalid.\n"
        "        status code: 403, request id: e65f7860-76e7-11e9-a6e4-7fc43f400001",
        "credentials",
        "rolehop exec CHAIN -- COMMAND",
    ),
    Pasted(
        "##[error]│ Error: failed to upload state: operation error S3: CreateMultipartUpload, \nhttps"
        " response error StatusCode: 400, RequestID: 4358PTXS48AJ0001, \nHostID: RQJaSVxlVGBwiYsGqpryR==,"
        " \napi error ExpiredToken: The provided token has expired.\n##[error]│",
        "credentials",
        "rolehop exec CHAIN -- COMMAND",
    ),
    Pasted(
        "https response error StatusCode: 403, RequestID: 2dfd38a6-d5ec-4fd9-8a9f-aab7abd20001, api error"
        " UnrecognizedClientException: The security token included in the request is invalid",
        "credentials",
        "rolehop exec CHAIN -- COMMAND",
    ),
    Pasted(
        "A client error (AuthFailure) occurred when calling the DescribeInstanceStatus operation: AWS was"
        " not able to validate the provided access credentials",
        "credentials",
        "rolehop exec CHAIN -- COMMAND",
    ),
    # hashicorp/terraform-provider-aws#32221.
    Pasted(
        "│ Error: error configuring S3 Backend: no valid credential sources for S3 Backend found.\n│ \n│"
        " Error: SSOProviderInvalidToken: the SSO session has expired or is invalid\n│ ",
        "credentials",
        "rolehop exec CHAIN -- COMMAND",
    ),
    # ministryofjustice/modernisation-platform#10161: Identity Center itself.
    Pasted(
        "An error occurred (ForbiddenException) when calling the GetRoleCredentials operation: No access",
        "Identity Center",
        "assigned",
    ),
    # aws/rolesanywhere-credential-helper#108, #19.
    Pasted(
        "2025/04/11 09:12:01 AccessDeniedException: Untrusted Signing Certificate",
        "Roles Anywhere",
        "trust anchor",
    ),
    Pasted(
        "AccessDeniedException: Not authorized to set roleSessionName.",
        "Roles Anywhere",
        "profile",
    ),
    # terraform-aws-modules/terraform-aws-eks#2988, hardeneks#2, FuelLabs/infrastructure#74: Kubernetes.
    Pasted(
        'Error from server (Forbidden): pods is forbidden: User "arn:aws:sts::111111110001:assumed-role/'
        'terraform/botocore-session-123456" cannot list resource "pods" in API group "" at the cluster scope',
        "Kubernetes",
        "kubectl auth can-i list pods",
    ),
    Pasted(
        'HTTP response body: {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":'
        '"namespaces is forbidden: User \\"system:anonymous\\" cannot list resource \\"namespaces\\" in API'
        ' group \\"\\" at the cluster\nscope","reason":"Forbidden","details":{"kind":"namespaces"},"code":403}',
        "Kubernetes",
        "access entr",
    ),
    Pasted(
        'Error from server (Forbidden): configmaps is forbidden: User "eksdev:jane" cannot list resource'
        ' "configmaps" in API group "" in the namespace "default"',
        "Kubernetes",
        "kubectl auth can-i list configmaps --namespace default",
    ),
    # A webhook of the cluster.
    Pasted(
        'Error from server (Forbidden): error when creating "app.yaml": admission webhook'
        ' "validation.gatekeeper.sh" denied the request: [no-latest] use of :latest',
        "Kubernetes",
        "kubectl auth can-i --list",
    ),
    # aws-quickstart/quickstart-amazon-eks#245.
    Pasted(
        "error: You must be logged in to the server (Unauthorized)",
        "Kubernetes",
        "access entr",
    ),
    # eksctl-io/eksctl#5831: a colon went missing.
    Pasted(
        "Error: unable to describe cluster control plane: operation error EKS: DescribeCluster, https"
        " response error StatusCode: 403, RequestID: 8e10d6df-356f-4831-8cd4-7eb14d100001, api error"
        " AccessDeniedException: User: arn:aws:iam::xxxxxxxxxxxuser/me is not authorized to perform:"
        " eks:DescribeCluster on resource: arn:aws:eks:ap-northeast-2:xxxxxxxxxxx:cluster/my-cluster with"
        " an explicit deny",
        "Deny",
        "find the Deny of eks:DescribeCluster",
    ),
    # dirkpetersen/our-chat#3, aws-samples/amazon-bedrock-workshop#100.
    Pasted(
        "botocore.errorfactory.AccessDeniedException: An error occurred (AccessDeniedException) when"
        " calling the InvokeModel operation: You don't have access to the model with the specified model ID.",
        "Bedrock",
        "access to the model",
    ),
    # blinkist/terraform-aws-airship-ecs-service#60, aws-samples/aws-modern-application-workshop#88.
    Pasted(
        "data.aws_lambda_invocation.lambda_lookup: AccessDeniedException: The role defined for the"
        " function cannot be assumed by Lambda.\n        status code: 403, request id: e4bc0dff-1a9d",
        "trust policy",
        "lambda.amazonaws.com",
    ),
    Pasted(
        "service App-Service failed to launch a task with (error ECS was unable to assume the role"
        " 'arn:aws:iam::281174620001:role/App-ECSTaskRole-FXO3A6J08BN' that was provided for this task."
        " Please verify that the role being passed has the proper trust relationship and permissions and"
        " that your IAM user has permissions to pass this role.).",
        "trust policy",
        "ecs-tasks.amazonaws.com",
    ),
    # The console.
    Pasted(
        "You don't have permission to cloudwatch:PutDashboard. To request access, copy the following text"
        " and send it to your AWS administrator.\nUser: arn:aws:sts::111111110001:assumed-role/Dev/me\n"
        "Action: cloudwatch:PutDashboard\nOn resource(s): arn:aws:cloudwatch::111111110001:dashboard/a\n"
        "Context: no identity-based policy allows the action",
        "cloudwatch:PutDashboard",
        "allow cloudwatch:PutDashboard on arn:aws:cloudwatch::111111110001:dashboard/a",
    ),
    # aws/aws-cli#5592: a session that has a name, not an ARN.
    Pasted(
        "ClientError('An error occurred (AccessDeniedException) when calling the GetAuthorizationToken"
        " operation: User: arn:aws:sts::111111110001:assumed-role/Glue/GlueJobRunnerSession is not"
        " authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based"
        " policy allows the ecr:GetAuthorizationToken action')",
        "ecr:GetAuthorizationToken",
        "allow ecr:GetAuthorizationToken on *",
    ),
]
